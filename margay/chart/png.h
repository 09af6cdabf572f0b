#pragma once

#include <cstdint>
#include <vector>

#include "margay/core/image.h"

namespace margay::chart {

/// The image as a file in PNG, RGB, without loss. Throws std::invalid_argument for an image without pixels.
std::vector<std::uint8_t> encode_png(const core::Image& image);

}  // namespace margay::chart
