#pragma once

#include <filesystem>

#include "margay/core/image.h"

namespace margay::data {

/// Writes an RGB PNG, without loss. Throws core::IoError when the file cannot be written and
/// std::invalid_argument for an image without pixels.
void write_png(const std::filesystem::path& path, const core::Image& image);

/// Writes an RGB JPEG. quality: 1 … 100. Throws as write_png does.
void write_jpeg(const std::filesystem::path& path, const core::Image& image, int quality = 90);

}  // namespace margay::data
