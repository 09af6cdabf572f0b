#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/collective/group.h"
#include "margay/data/data_block.h"
#include "margay/model/classifier.h"
#include "margay/predict/features.h"
#include "margay/predict/image_groups.h"
#include "margay/run/observer.h"
#include "margay/run/probe_options.h"
#include "margay/run/timed_part.h"
#include "margay/train/probe/probe.h"

namespace margay::run {

/// A pretrained network and labelled images.
struct ProbeNetwork {
  ProbeRunOptions options;  ///< with the file of the weights, and the arithmetic and normalisation that they expect
  data::Loaders loaders;
  std::shared_ptr<model::Classifier> classifier;  ///< with a linear head of random values, on its device
  std::vector<TimedPart> seconds;
  /// That share the features and the fit; each has a network of its own.
  std::shared_ptr<collective::Group> group = collective::one_process();

  model::Precision precision() const;  ///< never kAuto
};

/// Makes batches as make_loaders does, which it may do otherwise: all images in the training set.
using LoadersMaker =
    std::function<data::Loaders(const BatchOptions& options, const std::filesystem::path& cache_folder)>;

/// Throws as make_loaders, model::load_pretrained and model::find_device. options.network.weights: a file or a folder
/// of one. Announces what is special about the weights, and the warnings of the data.
ProbeNetwork load_probe_network(const ProbeRunOptions& options, const std::filesystem::path& cache_folder,
                                Observer& observer, const LoadersMaker& make = make_loaders);

/// The features of the network's training images, without a fit. Progress and warnings as fit_probe_network.
predict::Features collect_probe_features(ProbeNetwork& network, const std::filesystem::path& cache_folder,
                                         Observer& observer);

/// A linear classifier fitted to the features of a network.
struct FittedProbe {
  train::Probe probe;
  double images_per_s = 0;  ///< of the features that were computed, loading included; 0: all were in the cache
  std::vector<TimedPart> seconds;
};

/// train::probe, which sets the network's head. Features are kept in the loader's cache folder, else in cache_folder;
/// in neither if both are empty. groups: of another network on the same images, to be used in place of those that this
/// one finds. Announces the progress, images that could not be read, and warnings. Throws core::Interrupted when the
/// observer wants a stop, and as train::probe.
FittedProbe fit_probe_network(ProbeNetwork& network, const std::filesystem::path& cache_folder, Observer& observer,
                              const predict::ImageGroups* groups = nullptr);

/// What is left out together, as words: "groups of `group_regex`"; "" for single images.
std::string grouping_text(const predict::ImageGroups& groups, const DataOptions& data);

}  // namespace margay::run
