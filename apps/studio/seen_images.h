#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace margay::run {
struct DataOptions;
struct BatchOptions;
}  // namespace margay::run
namespace margay::core {
struct Image;
}

namespace margay::studio {

/// An image, and how often and from which seed it is to be drawn.
struct DrawOf {
  std::filesystem::path file;
  int draws = 8;  ///< 1 … kMostDraws
  std::uint64_t seed = 42;

  static constexpr int kMostDraws = 32;
};

/// Images as the network sees them under given transforms: what `margay show-batch` draws, as JSON with JPEGs in it
/// ("data:image/jpeg;base64,…"). The image that was drawn last stays in memory, so that a slider can be moved. May be
/// used from any thread.
class SeenImages {
 public:
  /// The network's input may have no longer sides here, pixels.
  static constexpr int kLargestInput = 1024;

  /// transforms: JSON of data::Transforms; what it does not name has the defaults of a training. -> {"seed", "size",
  /// "images": [{"caption", "source"}]}: the image as in validation, then the draws, the same as those of `margay
  /// show-batch --unique` for the seed. Throws core::DataError for a file that is no image, std::invalid_argument for
  /// transforms that are unknown or out of range, and for inputs that are too large.
  nlohmann::ordered_json draws(const DrawOf& what, const nlohmann::ordered_json& transforms);

  /// The transforms of a training by default, for a form.
  static nlohmann::ordered_json form();

 private:
  struct Whole {
    std::string key;
    std::shared_ptr<const core::Image> image;
  };
  std::deque<Whole> wholes_;
  std::mutex mutex_;
};

/// What makes a batch: JSON of run::BatchOptions without folder and data. Throws std::invalid_argument.
run::BatchOptions batch_options(const std::filesystem::path& folder, const run::DataOptions& data,
                                const nlohmann::ordered_json& given);

/// The first batch of an epoch of training, as `one_batch` of fastai's learner: {"images": [{"caption", "source",
/// "id"}], "pixels": {"type", "shape", "mean", "std", "low", "high"}, "targets": {…}, "skipped": [problem],
/// "warnings", "epoch"}. Throws what run::make_loaders throws.
nlohmann::ordered_json first_batch(const run::BatchOptions& options, const std::filesystem::path& cache,
                                   std::int64_t epoch);

/// data::Summary of one image and one batch: {"steps": [{"stage", "before", "after", "details"}], "warnings",
/// "failure"}.
nlohmann::ordered_json batch_summary(const run::BatchOptions& options, const std::filesystem::path& cache);

}  // namespace margay::studio
