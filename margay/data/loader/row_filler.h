#pragma once

#include <cstdint>
#include <exception>
#include <memory>

#include "margay/data/cache/picture_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/loader/draft_queue.h"
#include "margay/data/picture_pipeline.h"

namespace margay::data {

/// Memory that a thread uses again for every picture.
struct FillScratch {
  CachedPicture kept;
  core::Image item;
};

/// Turns one picture of a dataset into one row of a batch, from its file or from the cache. With a cache every picture
/// takes the way through what a cache keeps, whether it is in there or not, so batches do not depend on what fits.
class RowFiller {
 public:
  RowFiller(std::shared_ptr<const Dataset> dataset, const PicturePipeline& pipeline, Phase phase,
            const LoaderOptions& options, std::int64_t epoch, std::shared_ptr<PictureCache> cache);

  /// Fills the row, or notes in the draft why it cannot be. Returns what must end the pass. Threads may call at once.
  std::exception_ptr fill(const Job& job, FillScratch& scratch) const;

 private:
  void load_item(const PassRow& row, core::Random& random, FillScratch& scratch) const;
  void augment_item(const Job& job, core::Random& random, const core::Image& item) const;
  core::Random random_of(const PassRow& row) const;
  const CachedPicture& cacheable(const ImageSource& image, CachedPicture& room) const;

  const std::shared_ptr<const Dataset> dataset_;
  const PicturePipeline pipeline_;
  const Phase phase_;
  const LoaderOptions options_;
  const std::int64_t epoch_;
  const std::shared_ptr<PictureCache> cache_;
};

}  // namespace margay::data
