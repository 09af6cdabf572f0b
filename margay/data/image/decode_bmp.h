#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "margay/data/image/image_format.h"

namespace margay::data {

/// How the pixels of a BMP are stored. The values are those of the file format.
enum class BmpCoding : std::uint32_t { kPlain = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaBitFields = 6 };

/// The bits of one colour in a pixel of 16 or 32 bits. Of more than eight bits the highest are used.
struct BmpField {
  BmpField() = default;
  explicit BmpField(std::uint32_t mask);

  /// 0 … 255; 0 without a mask.
  std::uint8_t value(std::uint32_t pixel) const { return scaled[(pixel & mask) >> shift]; }

  std::uint32_t mask = 0;
  std::uint32_t shift = 0;
  std::array<std::uint8_t, 256> scaled{};
};

struct BmpHeader {
  ImageSize size;
  bool is_top_down = false;
  std::uint32_t bits = 0;  ///< of a pixel: 1, 2, 4, 8, 16, 24 or 32
  BmpCoding coding = BmpCoding::kPlain;
  std::array<BmpField, 4> fields;                       ///< red, green, blue, alpha; for 16 and 32 bits
  std::array<std::array<std::uint8_t, 3>, 256> colors;  ///< RGB; black if the file gives none
  std::size_t pixels_at = 0;                            ///< byte of the file

  /// Bytes of a stored row, which ends at a multiple of four.
  std::size_t row_bytes() const { return (static_cast<std::size_t>(size.width) * bits + 31) / 32 * 4; }
};

/// Reads the headers of Windows (3 to 5) and OS/2 (1 and 2). Throws DecodeFailure for other headers and for pixel
/// formats that they do not allow. The size is not checked.
BmpHeader read_bmp_header(std::span<const std::uint8_t> bytes);

}  // namespace margay::data
