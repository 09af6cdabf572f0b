#pragma once

#include "margay/data/dataset.h"
#include "margay/data/picture_pipeline.h"

namespace margay::data {

/// Mean and standard deviation of each channel over presized pictures of the dataset, `max_pictures` of them evenly
/// spread, as validation sees them; the same for any number of threads. Pictures that cannot be read are passed over.
/// Throws core::DataError when none can, std::invalid_argument unless max_pictures > 0.
Normalization measure_normalization(const Dataset& dataset, const PicturePipeline& pipeline,
                                    std::size_t max_pictures = 2000);

}  // namespace margay::data
