#pragma once

#include <cstdint>
#include <span>

#include "margay/core/image.h"

namespace margay::data {

/// The orientation tag (1 … 8) of an EXIF block: a TIFF header and its first directory, with or without
/// the leading "Exif\0\0". 1, upright, when it is absent, broken or outside 1 … 8.
int exif_orientation(std::span<const std::uint8_t> exif);

/// Turns and mirrors an image stored with that orientation so that it is upright.
core::Image turn_upright(core::Image image, int orientation);

}  // namespace margay::data
