#pragma once

#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"

namespace margay::data {

/// Mean and standard deviation of each channel over presized images of the dataset, `max_images` of them evenly
/// spread, as validation sees them; the same for any number of threads. Images that cannot be read are passed over.
/// Throws core::DataError when none can, std::invalid_argument unless max_images > 0.
Normalization measure_normalization(const Dataset& dataset, const ImagePipeline& pipeline,
                                    std::size_t max_images = 2000);

}  // namespace margay::data
