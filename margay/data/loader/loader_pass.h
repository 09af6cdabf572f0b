#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/batch.h"
#include "margay/data/loader/batch_queue.h"
#include "margay/data/loader/pass_plan.h"

namespace margay::data {

/// An image that was left out, and why.
struct SkippedImage {
  std::size_t id = 0;
  std::string problem;  ///< names the file
};

/// One walk over the data. Not copyable; moving it is fine. Dropping it early stops its threads.
class LoaderPass {
 public:
  /// Begins: from here on its threads work ahead.
  explicit LoaderPass(PassPlan plan);
  ~LoaderPass();
  LoaderPass(LoaderPass&&) noexcept;
  LoaderPass& operator=(LoaderPass&&) noexcept;

  /// The next batch in order, or nothing at the end. A batch is smaller by the images skipped in it, and left
  /// out when none is left. Throws core::DataError for an unreadable image when the policy is stop, and when
  /// not one image of the whole pass could be read (of a pass that is whole: from its first batch, in one process).
  std::optional<Batch> next();
  /// The same without what goes on whole batches, mixing and with AugmentOn::kDevice the batch transform: for whoever
  /// takes the batch to a device first and calls finish() there.
  std::optional<Batch> next_unfinished();
  /// Makes of a batch of next_unfinished() what next() would have given, on the device where its tensors are.
  void finish(Batch& batch) const;
  /// Whether the oldest batch is complete: next() then does not wait, unless nothing is left of that batch.
  bool is_ready() const;

  /// Seconds that next() spent waiting for the threads.
  double waited_s() const;
  /// Whether there are threads, and they run only where a core would otherwise idle (WorkerPriority).
  bool has_idle_workers() const;
  /// The images skipped so far, in order.
  const std::vector<SkippedImage>& skipped() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Memory that a thread uses again for every image.
struct FillScratch {
  CachedImage kept;
  core::Image item;
};

/// Turns one image of a dataset into one row of a batch, from its file or from the cache. With a cache every image
/// takes the way through what a cache keeps, whether it is in there or not, so batches do not depend on what fits.
class RowFiller {
 public:
  RowFiller(std::shared_ptr<const Dataset> dataset, const ImagePipeline& pipeline, Phase phase,
            const LoaderOptions& options, std::int64_t epoch, std::shared_ptr<ImageCache> cache);

  /// Fills the row, or notes in the batch why it cannot be. Returns what must end the pass. Threads may call at once.
  std::exception_ptr fill(const Job& job, FillScratch& scratch) const;

 private:
  void load_item(const PassRow& row, core::Random& random, FillScratch& scratch) const;
  void augment_item(const Job& job, core::Random& random, const core::Image& item) const;
  core::Random random_of(const PassRow& row) const;
  const CachedImage& cacheable(const ImageSource& image, CachedImage& room) const;

  const std::shared_ptr<const Dataset> dataset_;
  const ImagePipeline pipeline_;
  const Phase phase_;
  const LoaderOptions options_;
  const std::int64_t epoch_;
  const std::shared_ptr<ImageCache> cache_;
};

}  // namespace margay::data
