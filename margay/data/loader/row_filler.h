#pragma once

#include <cstdint>
#include <exception>
#include <memory>

#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/batch_queue.h"

namespace margay::data {

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
