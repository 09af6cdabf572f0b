#include "margay/data/image/image_format.h"

#include <cctype>
#include <string_view>

#include "margay/data/image/byte_reader.h"

namespace margay::data {
namespace {

using namespace std::string_view_literals;

bool is_pnm(const ByteReader& bytes) {
  return bytes.u8(0) == 'P' && bytes.u8(1) >= '1' && bytes.u8(1) <= '6' && std::isspace(static_cast<int>(bytes.u8(2)));
}

/// 42 is TIFF's version, 43 that of its 64-bit kind.
bool is_tiff(const ByteReader& bytes) {
  return bytes.has(0, "II*\0"sv) || bytes.has(0, "MM\0*"sv) || bytes.has(0, "II+\0"sv) || bytes.has(0, "MM\0+"sv);
}

}  // namespace

ImageFormat sniff_format(std::span<const std::uint8_t> head) {
  const ByteReader bytes(head, ByteOrder::kBig);
  if (bytes.has(0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (bytes.has(0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (bytes.has(0, "GIF87a") || bytes.has(0, "GIF89a")) return ImageFormat::kGif;
  if (bytes.has(0, "BM")) return ImageFormat::kBmp;
  if (is_tiff(bytes)) return ImageFormat::kTiff;
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

}  // namespace margay::data
