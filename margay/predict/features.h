#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/collective/group.h"
#include "margay/core/options.h"
#include "margay/data/loader/loader.h"
#include "margay/data/loader/loader_pass.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/predict/inference.h"

namespace margay::predict {

/// Which of the features in a cache are used.
enum class KeptFeaturesUse {
  kAny,  ///< all that are there; the others are computed
  /// Those of all images that can be read, or none: the last bits of a feature depend on its batch, so a pass that
  /// goes on where another one was interrupted gives other bits than one that runs through. What is there stays, so
  /// after passes over other images the features of all may still come from several.
  kAllOrNone,
};

/// Which features of images are wanted, and where they are kept.
struct FeatureOptions {
  bool average_flip = false;       ///< the mean of an image's features and its mirror image's
  std::int64_t average_draws = 0;  ///< the mean also over so many augmented draws, 0 … 1000

  // Not in the table: the caller's.
  model::Precision precision = model::Precision::kAuto;  ///< kAuto: as resolve_precision says for the network's device
  /// The folder of the cache of features (FeatureCache); empty: none.
  std::filesystem::path cache_folder;
  KeptFeaturesUse kept = KeptFeaturesUse::kAny;
  /// Also computes `Features::changed`, which finding near copies needs.
  bool with_changed_views = false;
  /// The processes that share the images which no one's cache has; all then have the features of all, with the bits
  /// that one process of as many threads gives them. All call with the same network, images and options.
  std::shared_ptr<collective::Group> group = collective::one_process();

  static const core::OptionTable& fields();
};

/// Features of mildly changed views (crop, shift, light) of some images: how similar two photographs of one moment are
/// to this network.
struct ChangedViews {
  torch::Tensor rows;            ///< float [M,D]
  std::vector<std::size_t> ids;  ///< [M], positions in the dataset, ascending
};

/// The features of images, as the linear head pools them. One row for each image that could be read. All tensors are on
/// the CPU.
struct Features {
  torch::Tensor rows;                       ///< float [N,D]
  torch::Tensor targets;                    ///< as Predictions::targets; undefined without labels
  std::vector<std::size_t> ids;             ///< [N], positions in the dataset, ascending
  std::vector<std::uint64_t> hashes;        ///< [N], Fingerprint::hash of what the network saw; empty: not known
  std::vector<data::SkippedImage> skipped;  ///< images that could not be read, and why
  ChangedViews changed;                     ///< empty unless asked for
  std::int64_t from_cache = 0;              ///< how many of the rows were not computed
  double seconds = 0;                       ///< of computing the others, with their loading
  std::vector<std::string> warnings;        ///< about the cache, one sentence each

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// The features of all images of a loader's dataset, in their order and with the transforms of validation
/// (data::Loader::plain), whatever the loader's own phase. The network is in eval mode meanwhile. Its head does not
/// matter. `count` is called with the number of images that are done, again for those that are computed a second time,
/// as if other processes were as fast as this one; where it throws, what was computed so far stays in the cache. A
/// cache that cannot be used is a warning. Throws as for_each_batch, std::invalid_argument for options out of range
/// and, in all processes alike, where networks or images differ, and core::DataError for an image that can be read in
/// one view and not in another.
Features collect_features(model::Classifier& classifier, const data::Loader& loader, const FeatureOptions& options = {},
                          const ImageCounter& count = {});

}  // namespace margay::predict
