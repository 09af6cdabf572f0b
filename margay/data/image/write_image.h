#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "margay/core/image.h"

namespace margay::data {

/// Writes an RGB PNG, without loss. Throws core::IoError when the file cannot be written and
/// std::invalid_argument for an image without pixels.
void write_png(const std::filesystem::path& path, const core::Image& image);

/// The image as a file in JPEG, RGB. quality: 1 … 100. Throws std::invalid_argument for another quality and for an
/// image without pixels.
std::vector<std::uint8_t> encode_jpeg(const core::Image& image, int quality = 90);

/// Writes an RGB JPEG. quality: 1 … 100. Throws as write_png does.
void write_jpeg(const std::filesystem::path& path, const core::Image& image, int quality = 90);

}  // namespace margay::data
