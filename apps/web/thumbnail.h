#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "margay/core/image.h"

namespace margay::web {

/// RFC 4648, section 4, with padding.
std::string base64(std::span<const std::uint8_t> bytes);

/// What a thumbnail is made of.
struct ThumbnailSource {
  std::filesystem::path file;
  int longer_side = 160;  ///< pixels at most; smaller images keep their size
};

/// The image with no side longer than `longer_side`; a smaller one unchanged.
core::Image shrunk(const core::Image& image, int longer_side);

/// The image in base64, as JPEG, no side longer than `longer_side`. quality: 1 … 100.
std::string thumbnail_of(const core::Image& image, int longer_side, int quality);

/// Those of some files, read by several threads; "" for a file that cannot be read.
std::vector<std::string> thumbnails_of(const std::vector<ThumbnailSource>& sources, int quality);

}  // namespace margay::web
