#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/data/item.h"
#include "margay/data/loader/batch.h"
#include "margay/data/picture_pipeline.h"

namespace margay::data {

/// What happens when a picture cannot be read.
enum class Unreadable { kSkip, kStop };

constexpr auto names(Unreadable /*tag*/) {
  return std::array{std::pair{Unreadable::kSkip, "skip"}, std::pair{Unreadable::kStop, "stop"}};
}

struct LoaderOptions {
  int batch_size = 64;
  std::optional<int> num_workers;
  int prefetch = 3;
  std::uint64_t seed = 42;
  Unreadable unreadable = Unreadable::kSkip;

  static constexpr const char* kName = "loader";
  static constexpr auto fields() {
    return std::tuple{
        core::field("batch_size", &LoaderOptions::batch_size, "pictures in one step", {1, 65536}),
        core::field("num_workers", &LoaderOptions::num_workers, "loading threads; one per core unless given", {1, 512}),
        core::field("prefetch", &LoaderOptions::prefetch, "batches held ready or in the making at most", {1, 64}),
        core::field("seed", &LoaderOptions::seed, "of order and augmentation; the same seed, the same batches"),
        core::field("unreadable", &LoaderOptions::unreadable,
                    "a picture that cannot be read: skip (and report) or stop")};
  }
};

/// A picture that was left out, and why.
struct SkippedPicture {
  std::size_t id = 0;
  std::string problem;  ///< names the file
};

class LoaderPass;

/// Serves a dataset in batches, prepared by threads. Training passes are shuffled and leave out the last, smaller
/// batch (as fastai's); validation passes keep the dataset's order. The batches are a function of
/// (seed, epoch) alone, not of the number of threads.
class Loader {
 public:
  /// Throws std::invalid_argument for options out of range or an empty dataset.
  Loader(std::shared_ptr<const Dataset> dataset, const PicturePipeline& pipeline, Phase phase,
         const LoaderOptions& options = {});

  /// Begins a pass: from here on its threads work ahead.
  LoaderPass pass(std::int64_t epoch = 0) const;

  const Dataset& dataset() const { return *dataset_; }
  const PicturePipeline& pipeline() const { return pipeline_; }
  const LoaderOptions& options() const { return options_; }
  Phase phase() const { return phase_; }
  /// Batches of one pass.
  std::int64_t num_batches() const;

 private:
  std::vector<std::size_t> order(std::int64_t epoch) const;

  std::shared_ptr<const Dataset> dataset_;
  PicturePipeline pipeline_;
  Phase phase_;
  LoaderOptions options_;
};

/// One walk over the data. Not copyable; moving it is fine. Dropping it early stops its threads.
class LoaderPass {
 public:
  LoaderPass(std::shared_ptr<const Dataset> dataset, const PicturePipeline& pipeline, Phase phase,
             const LoaderOptions& options, std::int64_t epoch, std::vector<std::size_t> order,
             std::int64_t num_batches);
  ~LoaderPass();
  LoaderPass(LoaderPass&&) noexcept;
  LoaderPass& operator=(LoaderPass&&) noexcept;

  /// The next batch in order, or nothing at the end. A batch is smaller by the pictures skipped in it, and left
  /// out when none is left. Throws core::DataError for an unreadable picture when the policy is stop, and when
  /// not one picture of the whole pass could be read.
  std::optional<Batch> next();

  /// Seconds that next() spent waiting for the threads.
  double waited_s() const;
  /// The pictures skipped so far, in order.
  const std::vector<SkippedPicture>& skipped() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace margay::data
