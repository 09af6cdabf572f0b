#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "margay/data/cache/picture_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/loader/pass_order.h"
#include "margay/data/picture_pipeline.h"

namespace margay::data {

/// What one pass walks over, and how.
struct PassPlan {
  std::shared_ptr<const Dataset> dataset;
  PicturePipeline pipeline;
  Phase phase;  ///< of the pixels
  LoaderOptions options;
  MixOptions mix;                       ///< of whole batches
  std::shared_ptr<PictureCache> cache;  ///< or null
  std::int64_t epoch = 0;
  std::vector<PassRow> rows;    ///< of the whole pass
  std::size_t first_batch = 0;  ///< the batches before it are left out
};

}  // namespace margay::data
