#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/error.h"
#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/batch.h"
#include "margay/data/loader/batch_queue.h"
#include "margay/data/loader/pass_plan.h"

namespace margay::data {

/// An image that was skipped, and why.
struct SkippedImage {
  std::size_t id = 0;
  std::string problem;  ///< names the file
};

/// What a pass throws where not one of its images could be read. first: the problem of the first one.
core::DataError nothing_readable(const Dataset& dataset, std::size_t images, const std::string& first);

/// One pass over the data. It can be moved, not copied. Destroying it early stops its threads; those of idle priority
/// end when they next get the processor, at the latest with the loader.
class LoaderPass {
 public:
  /// Begins the pass; its threads start to work ahead.
  explicit LoaderPass(PassPlan plan);
  ~LoaderPass();
  LoaderPass(LoaderPass&&) noexcept;
  LoaderPass& operator=(LoaderPass&&) noexcept;

  /// The next batch in order, or nothing at the end. Skipped images make a batch smaller; an empty batch is left out,
  /// unless batches are divided into micro-batches, of which others may have images.
  /// Throws core::DataError for an unreadable image if the policy is stop, and if not one image of the whole pass could
  /// be read (only for a complete pass of a single process).
  std::optional<Batch> next();
  /// The same without the transforms of whole batches: mixing and, with AugmentOn::kDevice, the batch transform. For
  /// callers that first copy the batch to a device and call finish() there.
  std::optional<Batch> next_unfinished();
  /// Applies the missing transforms to a batch of next_unfinished(), on the device of its tensors, so that it equals
  /// that of next().
  void finish(Batch& batch) const;
  /// Whether the oldest batch is complete. next() then does not wait, unless all images of that batch were skipped.
  bool is_ready() const;

  /// Seconds that next() spent waiting for the threads.
  double waited_s() const;
  /// Whether there are threads and they have idle priority (WorkerPriority).
  bool has_idle_workers() const;
  /// The images skipped so far, in order.
  const std::vector<SkippedImage>& skipped() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Buffers that a thread reuses for every image.
struct FillScratch {
  CachedImage kept;
  core::Image item;
};

/// Turns one image of a dataset into one row of a batch, from its file or from the cache. With a cache, every image is
/// processed through its cached form, even if it is not in the cache, so that batches do not depend on what fits.
class RowFiller {
 public:
  RowFiller(std::shared_ptr<const Dataset> dataset, const ImagePipeline& pipeline, Phase phase,
            const LoaderOptions& options, std::int64_t epoch, std::shared_ptr<ImageCache> cache);

  /// Fills the row, or records in the batch why it failed. Returns the exception that must end the pass, or null. Safe
  /// to call from several threads.
  std::exception_ptr fill(const Job& job, FillScratch& scratch) const;

 private:
  void load_item(const PassRow& row, core::Random& random, FillScratch& scratch) const;
  void augment_item(const Job& job, core::Random& random, const core::Image& item) const;
  core::Random random_of(const PassRow& row) const;
  const CachedImage& cacheable(const ImageSource& image, std::size_t id, CachedImage& room) const;
  ImageSource noted(const ImageSource& image, std::size_t id) const;

  const std::shared_ptr<const Dataset> dataset_;
  const ImagePipeline pipeline_;
  const Phase phase_;
  const LoaderOptions options_;
  const std::int64_t epoch_;
  const std::shared_ptr<ImageCache> cache_;
};

}  // namespace margay::data
