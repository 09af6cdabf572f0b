#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "margay/core/image.h"
#include "margay/data/image/image_format.h"
#include "margay/data/image/read_image.h"

namespace margay::data {

enum class ByteOrder { kLittle, kBig };

/// Reads integers from untrusted bytes. Past the end everything is 0, which no format uses for a size, a count or a tag
/// that matters, so fields of a cut header read as absent.
class ByteReader {
 public:
  ByteReader(std::span<const std::uint8_t> bytes, ByteOrder order) : bytes_(bytes), order_(order) {}

  std::size_t size() const { return bytes_.size(); }
  std::uint32_t u8(std::size_t at) const { return at < bytes_.size() ? bytes_[at] : 0U; }
  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u24(std::size_t at) const { return number(at, 3); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

  /// Whether `text` stands at byte `at`.
  bool has(std::size_t at, std::string_view text) const {
    if (at > bytes_.size() || text.size() > bytes_.size() - at) return false;
    return std::equal(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
  }

  /// At most `count` bytes from `at`; fewer, or none, at the end.
  std::span<const std::uint8_t> part(std::size_t at, std::size_t count) const {
    const std::size_t begin = std::min(at, bytes_.size());
    return bytes_.subspan(begin, std::min(count, bytes_.size() - begin));
  }

 private:
  std::uint32_t number(std::size_t at, std::size_t count) const {
    if (at > bytes_.size() || count > bytes_.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = order_ == ByteOrder::kBig ? at + i : at + count - 1 - i;
      value = (value << 8U) | bytes_[index];
    }
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  ByteOrder order_;
};

/// Blends colours with straight (not premultiplied) alpha over white: c * a + 255 * (1 - a), rounded.
/// rgba: uint8 [pixels,4]; out: uint8 [pixels,3].
inline void lay_over_white(const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* out) {
  for (std::size_t i = 0; i < pixels; ++i, rgba += 4, out += 3) {
    const unsigned alpha = rgba[3];
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned sum = rgba[c] * alpha + 255 * (255 - alpha);
      out[c] = static_cast<std::uint8_t>((sum + 127) / 255);
    }
  }
}

/// The same for premultiplied colours: c + 255 - a.
inline void lay_premultiplied_over_white(const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* out) {
  for (std::size_t i = 0; i < pixels; ++i, rgba += 4, out += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      const int sum = rgba[c] + 255 - rgba[3];
      out[c] = static_cast<std::uint8_t>(sum > 255 ? 255 : sum);
    }
  }
}

/// A sample of 16 bits of which the lowest `deep_bits` hold data (ReadOptions), as 8 bits. What is brighter is white.
inline std::uint8_t deep_level(unsigned sample, int deep_bits) {
  return static_cast<std::uint8_t>(std::min(sample >> static_cast<unsigned>(deep_bits - 8), 255U));
}

/// Each format has a source file of its own, and each external library is included by one file only. Images are upright
/// RGB, with transparency blended over white. A decoder checks its header against `max_pixels` before it allocates for
/// the pixels, and throws DecodeFailure for what it cannot read whole.

/// Thrown by a decoder that cannot read an image. It holds the problem alone; decode_image() adds the path and the
/// remedy.
class DecodeFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown where the file need not be at fault, and another one is no remedy. The text names the remedy.
class DecodeRefusal : public DecodeFailure {
 public:
  using DecodeFailure::DecodeFailure;
};

/// Thrown where the machine lacks what decodes the format.
class NoDecoder : public DecodeRefusal {
 public:
  using DecodeRefusal::DecodeRefusal;
};

/// Throws DecodeFailure if an image has no pixels, and DecodeRefusal if it has more than `max_pixels`.
void check_size(ImageSize size, std::int64_t max_pixels);

/// The size of the upright image for an EXIF orientation (1 … 8).
ImageSize upright(ImageSize stored, int orientation);

/// Baseline, progressive and arithmetic-coded; grey, YCbCr, RGB, CMYK and YCCK. The pixels equal Pillow's. The image is
/// reduced only where `min_side` allows it.
core::Image decode_jpeg(std::span<const std::uint8_t> bytes, const ReadOptions& options);
ImageSize jpeg_size(std::span<const std::uint8_t> bytes);
/// The memory that decode_jpeg takes: a progressive image keeps all its coefficients until its last scan.
std::uint64_t jpeg_memory(std::span<const std::uint8_t> bytes, const ReadOptions& options);

/// 1 to 16 bits, grey, palette, colour; an animation's default image.
core::Image decode_png(std::span<const std::uint8_t> bytes, const ReadOptions& options);
ImageSize png_size(std::span<const std::uint8_t> bytes);
int png_sample_bits(std::span<const std::uint8_t> bytes);

/// The first frame on its screen.
core::Image decode_gif(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize gif_size(std::span<const std::uint8_t> bytes);

/// A still image, or the first frame of an animation on its canvas.
core::Image decode_webp(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize webp_size(std::span<const std::uint8_t> bytes);

/// The first page: 1, 2, 4, 8 or 16 bits, grey, palette, RGB, CMYK, YCbCr and Lab in strips or tiles.
core::Image decode_tiff(std::span<const std::uint8_t> bytes, const ReadOptions& options);
ImageSize tiff_size(std::span<const std::uint8_t> bytes);
int tiff_sample_bits(std::span<const std::uint8_t> bytes);

/// Windows and OS/2 headers; 1 to 32 bits, RLE, bit fields.
core::Image decode_bmp(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize bmp_size(std::span<const std::uint8_t> bytes);

/// P1 … P6, up to 16 bits.
core::Image decode_pnm(std::span<const std::uint8_t> bytes, const ReadOptions& options);
ImageSize pnm_size(std::span<const std::uint8_t> bytes);
int pnm_sample_bits(std::span<const std::uint8_t> bytes);

/// HEIC and AVIF: the main image of a file, a single one or the tiles of a grid; of a sequence its still image. Turned
/// and cut as the container says, while EXIF's orientation, which repeats that, does not count; 10 and 12 bits
/// become 8. Decoded in another process (heif_decoder.h).
core::Image decode_heif(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);
ImageSize heif_size(std::span<const std::uint8_t> bytes);

/// The orientation tag (1 … 8) of an EXIF block: a TIFF header and its first directory, with or without
/// the leading "Exif\0\0". 1, upright, when it is absent, broken or outside 1 … 8.
int exif_orientation(std::span<const std::uint8_t> exif);

/// Turns and mirrors an image stored with that orientation so that it is upright.
core::Image turn_upright(core::Image image, int orientation);

}  // namespace margay::data
