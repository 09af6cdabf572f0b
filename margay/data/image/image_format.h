#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace margay::data {

enum class ImageFormat { kUnknown, kJpeg, kPng, kGif, kBmp, kTiff, kWebp, kPnm };

/// What a file is, from its first bytes and never from its name. 16 bytes are enough.
ImageFormat sniff_format(std::span<const std::uint8_t> head);

/// "JPEG", "PNG", …; "unknown" for kUnknown.
std::string format_name(ImageFormat format);

/// The size a picture claims in its header, pixels, before any orientation is applied.
struct DeclaredSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

/// Reads only the header, so that an absurd size is refused before anything is allocated for it.
/// Nothing for JPEG and GIF (their decoders stop after the header themselves), for a cut header, and
/// for a TIFF of the 64-bit kind.
std::optional<DeclaredSize> declared_size(std::span<const std::uint8_t> bytes, ImageFormat format);

}  // namespace margay::data
