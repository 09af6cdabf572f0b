#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace margay::data {

enum class ImageFormat { kUnknown, kJpeg, kPng, kGif, kBmp, kTiff, kWebp, kPnm, kHeic, kAvif };

/// The size of an image, in pixels. A file may claim a size that an int cannot hold.
struct ImageSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

/// The format of a file, from its first bytes and never from its name. 16 bytes are enough to know an image; to tell
/// HEIC and AVIF apart, which are one container, a file of a general brand (mif1) needs 64.
ImageFormat sniff_format(std::span<const std::uint8_t> head);

/// "JPEG", "PNG", …; "unknown" for kUnknown.
std::string format_name(ImageFormat format);

/// Whether the first bytes of a file are those of an image that Margay does not read: JPEG XL, JPEG 2000, raw images of
/// cameras, SVG, Photoshop and others. Raw images that begin as a TIFF does are kTiff. 512 bytes are enough.
bool is_unread_image(std::span<const std::uint8_t> head);

/// The same for an extension: ".jxl", ".NEF".
bool is_unread_extension(std::string_view extension);

/// What a file of kUnknown is, and what to do with it, where its first bytes tell: "a JPEG XL image, which Margay does
/// not read; convert it to JPEG or PNG". 512 bytes are enough.
std::optional<std::string> describe_unread(std::span<const std::uint8_t> head);

/// A description of a file of kUnknown, by its first bytes: "a JPEG XL image, which Margay does not read; convert it
/// to JPEG or PNG". Otherwise "not an image" and the first bytes. 512 bytes are enough.
std::string describe_unknown(std::span<const std::uint8_t> head);

}  // namespace margay::data
