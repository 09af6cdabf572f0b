#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "margay/core/random.h"
#include "margay/data/transform/augment_options.h"
#include "margay/data/transform/box_reduce.h"

namespace margay::data {

/// The rectangles of fastai's RandomErasing in an output [size,size], drawn without regard to p_erase; a rectangle
/// may be empty. Source: fastai 2.7, vision/augment.py; Zhong et al., "Random Erasing Data Augmentation", 2017.
std::vector<Region> draw_erased(const EraseOptions& options, int size, core::Random& random);

/// Noise for rectangle `index` of an image: float [rows,columns,3], independent N(0,1), the same for the same key.
std::vector<float> erasing_noise(const Region& region, std::uint64_t noise_key, std::size_t index);

/// Writes the noise over the rectangles. out: float [size,size,3], normalised. Rectangles must lie within it.
void erase(std::span<const Region> regions, std::uint64_t noise_key, int size, float* out);

}  // namespace margay::data
