#include "margay/data/image/image_format.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "margay/data/image/byte_reader.h"

namespace margay::data {
namespace {

using namespace std::string_view_literals;

bool is_pnm(const ByteReader& bytes) {
  return bytes.u8(0) == 'P' && bytes.u8(1) >= '1' && bytes.u8(1) <= '6' && std::isspace(static_cast<int>(bytes.u8(2)));
}

DeclaredSize bmp_size(const ByteReader& bytes) {
  if (bytes.u32(14) == 12) return {bytes.u16(20), bytes.u16(18)};  // OS/2's header has 16-bit sides
  const auto side = [&](std::size_t at) { return std::int64_t{static_cast<std::int32_t>(bytes.u32(at))}; };
  return {std::abs(side(22)), side(18)};  // a negative height means rows from the top
}

DeclaredSize webp_size(const ByteReader& bytes) {
  constexpr std::uint32_t k14Bits = 0x3FFF;
  if (bytes.has(12, "VP8 ")) return {bytes.u16(28) & k14Bits, bytes.u16(26) & k14Bits};
  if (bytes.has(12, "VP8L")) {
    const std::uint32_t bits = bytes.u32(21);
    return {((bits >> 14U) & k14Bits) + 1, (bits & k14Bits) + 1};
  }
  if (bytes.has(12, "VP8X")) return {bytes.u24(27) + std::int64_t{1}, bytes.u24(24) + std::int64_t{1}};
  return {};
}

DeclaredSize tiff_size(const ByteReader& bytes) {
  constexpr std::uint32_t kWidthTag = 256;
  constexpr std::uint32_t kHeightTag = 257;
  constexpr std::uint32_t kShort = 3;
  const std::size_t directory = bytes.u32(4);
  DeclaredSize size;
  for (std::size_t i = 0; i < bytes.u16(directory); ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    const std::uint32_t value = bytes.u16(entry + 2) == kShort ? bytes.u16(entry + 8) : bytes.u32(entry + 8);
    if (bytes.u16(entry) == kWidthTag) size.width = value;
    if (bytes.u16(entry) == kHeightTag) size.height = value;
  }
  return size;
}

/// Skips white space and comments, then reads a decimal number; 0 when there is none or it has more
/// than nine digits.
std::int64_t pnm_number(const ByteReader& bytes, std::size_t& at) {
  constexpr int kMaxDigits = 9;
  while (std::isspace(static_cast<int>(bytes.u8(at))) || bytes.u8(at) == '#') {
    if (bytes.u8(at) == '#') {
      while (at < bytes.size() && bytes.u8(at) != '\n') ++at;
    }
    ++at;
  }
  std::int64_t value = 0;
  for (int digits = 0; std::isdigit(static_cast<int>(bytes.u8(at))); ++at) {
    if (++digits > kMaxDigits) return 0;
    value = value * 10 + (bytes.u8(at) - '0');
  }
  return value;
}

DeclaredSize pnm_size(const ByteReader& bytes) {
  std::size_t at = 2;
  const std::int64_t width = pnm_number(bytes, at);
  return {pnm_number(bytes, at), width};
}

}  // namespace

ImageFormat sniff_format(std::span<const std::uint8_t> head) {
  const ByteReader bytes(head, ByteOrder::kBig);
  if (bytes.has(0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (bytes.has(0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (bytes.has(0, "GIF87a") || bytes.has(0, "GIF89a")) return ImageFormat::kGif;
  if (bytes.has(0, "BM")) return ImageFormat::kBmp;
  if (bytes.has(0, "II*\0"sv) || bytes.has(0, "MM\0*"sv)) return ImageFormat::kTiff;
  if (bytes.has(0, "RIFF") && bytes.has(8, "WEBP")) return ImageFormat::kWebp;
  return is_pnm(bytes) ? ImageFormat::kPnm : ImageFormat::kUnknown;
}

std::string format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kGif:
      return "GIF";
    case ImageFormat::kBmp:
      return "BMP";
    case ImageFormat::kTiff:
      return "TIFF";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kPnm:
      return "PNM";
    case ImageFormat::kUnknown:
      break;
  }
  return "unknown";
}

std::optional<DeclaredSize> declared_size(std::span<const std::uint8_t> bytes, ImageFormat format) {
  const ByteReader little(bytes, ByteOrder::kLittle);
  const ByteReader big(bytes, ByteOrder::kBig);
  DeclaredSize size;
  if (format == ImageFormat::kPng) size = {big.u32(20), big.u32(16)};
  if (format == ImageFormat::kBmp) size = bmp_size(little);
  if (format == ImageFormat::kWebp) size = webp_size(little);
  if (format == ImageFormat::kTiff) size = tiff_size(little.has(0, "II") ? little : big);
  if (format == ImageFormat::kPnm) size = pnm_size(little);
  if (size.height <= 0 || size.width <= 0) return std::nullopt;
  return size;
}

}  // namespace margay::data
