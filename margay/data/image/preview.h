#pragma once

#include <string>

#include "margay/core/image.h"

namespace margay::data {

/// An image as text for a terminal of 24-bit colour, at most `columns` cells wide: each cell is '▀', its foreground
/// the upper pixel, its background the lower (ECMA-48, SGR 38;2 and 48;2). Larger images are shrunk, smaller ones
/// kept. Throws std::invalid_argument for an image without pixels or columns below 1.
std::string half_blocks(const core::Image& image, int columns);

}  // namespace margay::data
