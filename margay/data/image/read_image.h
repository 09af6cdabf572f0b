#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "margay/core/image.h"
#include "margay/data/image/image_format.h"
#include "margay/data/image/read_options.h"

namespace margay::data {

/// Reads a JPEG, PNG, GIF (first frame), BMP, TIFF (first page), WebP or PNM as an upright RGB image. The format is
/// taken from the bytes, not from the name. Transparency is laid over white, 16 bits become 8, and colour profiles are
/// ignored.
/// Throws core::DataError, naming the path, for anything else: a missing, empty, truncated or oversized file.
/// Throws std::invalid_argument for a limit below 1 or a negative min_side. Safe to call from many threads.
core::Image read_image(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same for a file already in memory; `name` only serves the message.
core::Image decode_image(std::span<const std::uint8_t> bytes, const std::filesystem::path& name,
                         const ReadOptions& options = {});

/// The size read_image would return with every pixel, upright, from the header alone: nothing is decoded, so an image
/// whose size is known may still turn out to be broken. Throws core::DataError where not even the header can be read.
/// There is no limit on the size.
ImageSize read_size(const std::filesystem::path& path);

/// The same for a file already in memory; `name` only serves the message.
ImageSize decode_size(std::span<const std::uint8_t> bytes, const std::filesystem::path& name);

}  // namespace margay::data
