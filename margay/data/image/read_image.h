#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "margay/data/image/image.h"
#include "margay/data/image/image_format.h"

namespace margay::data {

struct ReadOptions {
  /// The most pixels a picture may claim, checked on the header before anything big is allocated.
  /// The default is the limit above which Pillow refuses.
  std::int64_t max_pixels = 178'956'970;
};

/// Reads a JPEG, PNG, GIF (first frame), BMP, TIFF, WebP or PNM as an upright RGB picture. The format is
/// taken from the bytes, not from the name. Transparency is dropped and 16 bits keep their high byte.
/// Throws core::DataError, naming the path, for anything else: a missing, empty, truncated or oversized file.
/// Safe to call from many threads.
Image read_image(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same for a file already in memory; `name` only serves the message.
Image decode_image(std::span<const std::uint8_t> bytes, const std::filesystem::path& name,
                   const ReadOptions& options = {});

}  // namespace margay::data
