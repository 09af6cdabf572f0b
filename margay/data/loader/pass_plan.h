#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/loader/pass_order.h"
#include "margay/data/loader/pixel_memory.h"
#include "margay/data/loader/starvation.h"

namespace margay::data {

/// What one pass walks over, and how.
struct PassPlan {
  std::shared_ptr<const Dataset> dataset;
  ImagePipeline pipeline;
  Phase phase;  ///< of the pixels
  LoaderOptions options;
  MixOptions mix;                     ///< of whole batches
  std::shared_ptr<ImageCache> cache;  ///< or null
  std::int64_t epoch = 0;
  std::vector<PassRow> rows;                ///< of the whole pass
  std::size_t first_batch = 0;              ///< the batches before it are left out
  std::shared_ptr<NormalTerm> normal_term;  ///< what passes before found out about the machine, or null

  /// Of an image when the threads are done with it: the network's input, or an item where the device augments.
  PixelShape row_shape() const {
    const bool is_item = options.augment_on == AugmentOn::kDevice;
    return is_item ? PixelShape{pipeline.transforms().resize.size, at::kByte}
                   : PixelShape{pipeline.output_size(), at::kFloat};
  }
};

}  // namespace margay::data
