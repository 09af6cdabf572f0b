#include "margay/data/image/image_format.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/data/image/codec.h"

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

/// By the brands of the container (ISO/IEC 14496-12, 4.3; 23008-12, 10): the first says what the file is, the others
/// what reads it as well.
ImageFormat heif_format(const ByteReader& bytes) {
  if (!bytes.has(4, "ftyp")) return ImageFormat::kUnknown;
  constexpr std::array kHevc = {"heic"sv, "heix"sv, "heim"sv, "heis"sv, "hevc"sv, "hevx"sv, "hevm"sv, "hevs"sv};
  constexpr std::array kGeneral = {"mif1"sv, "mif2"sv, "msf1"sv, "miaf"sv, "heif"sv};
  const auto is_one_of = [&](std::size_t at, auto& brands) {
    return std::any_of(brands.begin(), brands.end(), [&](std::string_view brand) { return bytes.has(at, brand); });
  };
  const auto is_avif = [&](std::size_t at) { return bytes.has(at, "avif") || bytes.has(at, "avis"); };
  constexpr std::size_t kFirst = 8;
  if (is_avif(kFirst)) return ImageFormat::kAvif;
  if (is_one_of(kFirst, kHevc)) return ImageFormat::kHeic;
  if (!is_one_of(kFirst, kGeneral)) return ImageFormat::kUnknown;
  const std::size_t end = std::min<std::size_t>({bytes.u32(0), bytes.size(), 256});
  for (std::size_t at = 16; at + 4 <= end; at += 4) {
    if (is_avif(at)) return ImageFormat::kAvif;
  }
  return ImageFormat::kHeic;
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
  return is_pnm(bytes) ? ImageFormat::kPnm : heif_format(bytes);
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
    case ImageFormat::kHeic:
      return "HEIC";
    case ImageFormat::kAvif:
      return "AVIF";
    case ImageFormat::kUnknown:
      break;
  }
  return "unknown";
}

namespace {

using namespace std::string_view_literals;

constexpr const char* kConvert = "convert it to JPEG or PNG";
constexpr const char* kDownload = "a download that failed often leaves one; fetch the image again";

/// Files that people do put among their images, by a text at a fixed place.
struct Signature {
  std::size_t at;
  std::string_view text;
  const char* name;
  const char* remedy;
  bool is_image = false;
};

constexpr std::array kSignatures = {
    Signature{4, "ftypcrx", "a Canon raw image", kConvert, true},
    Signature{4, "ftyp", "a video", "extract its images"},
    Signature{0, "\0\0\0\x0CJXL "sv, "a JPEG XL image", kConvert, true},
    Signature{0, "\xFF\x0A"sv, "a JPEG XL image", kConvert, true},
    Signature{0, "\0\0\0\x0CjP  "sv, "a JPEG 2000 image", kConvert, true},
    Signature{0, "\xFF\x4F\xFF\x51"sv, "a JPEG 2000 image", kConvert, true},
    Signature{0, "8BPS", "a Photoshop document", "export it as JPEG or PNG", true},
    Signature{0, "%PDF", "a PDF document", "export its pages as JPEG or PNG"},
    Signature{0, "%!PS", "a PostScript document", "export it as JPEG or PNG"},
    Signature{0, "\0\0\1\0"sv, "a Windows icon", kConvert, true},
    Signature{0, "DDS ", "a DDS texture", kConvert, true},
    Signature{0, "\x76\x2F\x31\x01"sv, "an OpenEXR image", kConvert, true},
    Signature{0, "#?RADIANCE", "a Radiance HDR image", kConvert, true},
    Signature{0, "P7\n", "a PAM image", kConvert, true},
    Signature{0, "PF\n", "a PFM image", kConvert, true},
    Signature{0, "Pf\n", "a PFM image", kConvert, true},
    Signature{0, "qoif", "a QOI image", kConvert, true},
    Signature{0, "gimp xcf", "a GIMP document", "export it as JPEG or PNG", true},
    Signature{0, "IIRO", "an Olympus raw image", kConvert, true},
    Signature{0, "IIRS", "an Olympus raw image", kConvert, true},
    Signature{0, "IIU\0"sv, "a Panasonic raw image", kConvert, true},
    Signature{0, "FUJIFILMCCD-RAW", "a Fujifilm raw image", kConvert, true},
    Signature{0, "FOVb", "a Sigma raw image", kConvert, true},
    Signature{0, "PK\3\4", "a zip archive", "unpack it"},
    Signature{0, "\x1F\x8B"sv, "a gzip archive", "unpack it"},
    Signature{0, "\0\5\x16\x07"sv, "the resource file macOS keeps beside an image", "leave it out"},
    Signature{0, "version https://git-lfs", "a Git LFS pointer", "run 'git lfs pull'"},
};

/// Lower case, without white space and byte order mark in front.
std::string as_text(std::span<const std::uint8_t> head) {
  std::string text(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(head.size(), 512)));
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return core::lower_case(std::move(text));
}

/// The first bytes as text where they are text: `"<html>"`, else as hexadecimal digits.
std::string first_bytes(std::span<const std::uint8_t> bytes) {
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 8));
  const auto is_printable = [](std::uint8_t byte) { return byte >= ' ' && byte <= '~'; };
  if (std::all_of(head.begin(), head.end(), is_printable)) {
    return fmt::format("\"{}\"", std::string(head.begin(), head.end()));
  }
  std::string digits;
  for (const std::uint8_t byte : head) digits += fmt::format("{:02x} ", byte);
  digits.pop_back();
  return digits;
}

std::string refusal(const char* name, const char* remedy) {
  return fmt::format("{}, which Margay does not read; {}", name, remedy);
}

bool is_svg(const std::string& text) {
  return text.starts_with("<svg") || (text.starts_with("<?xml") && text.find("<svg") != text.npos);
}

// In lower case. Raw images of cameras are among them although many begin as a TIFF does.
constexpr std::array kUnreadExtensions = {
    ".jp2"sv,  ".j2k"sv,  ".j2c"sv, ".jpf"sv, ".jpx"sv, ".jpm"sv, ".jxl"sv, ".jxr"sv, ".wdp"sv,  ".hdp"sv,
    ".svg"sv,  ".svgz"sv, ".psd"sv, ".psb"sv, ".xcf"sv, ".kra"sv, ".ico"sv, ".cur"sv, ".icns"sv, ".tga"sv,
    ".pcx"sv,  ".dds"sv,  ".exr"sv, ".hdr"sv, ".qoi"sv, ".pam"sv, ".pfm"sv, ".bpg"sv, ".flif"sv, ".eps"sv,
    ".fits"sv, ".dcm"sv,  ".raw"sv, ".cr2"sv, ".cr3"sv, ".crw"sv, ".nef"sv, ".nrw"sv, ".dng"sv,  ".arw"sv,
    ".srf"sv,  ".sr2"sv,  ".orf"sv, ".rw2"sv, ".raf"sv, ".pef"sv, ".srw"sv, ".x3f"sv, ".3fr"sv,  ".iiq"sv,
    ".erf"sv,  ".kdc"sv,  ".dcr"sv, ".mrw"sv, ".mos"sv, ".rwl"sv, ".gpr"sv};

}  // namespace

bool is_unread_image(std::span<const std::uint8_t> head) {
  const ByteReader bytes(head, ByteOrder::kBig);
  const bool is_known = std::any_of(kSignatures.begin(), kSignatures.end(), [&](const Signature& each) {
    return each.is_image && bytes.has(each.at, each.text);
  });
  return is_known || is_svg(as_text(head));
}

bool is_unread_extension(std::string_view extension) {
  return std::any_of(kUnreadExtensions.begin(), kUnreadExtensions.end(), [&](std::string_view each) {
    return std::equal(extension.begin(), extension.end(), each.begin(), each.end(),
                      [](char a, char b) { return core::lower_case(a) == b; });
  });
}

std::optional<std::string> describe_unread(std::span<const std::uint8_t> head) {
  const ByteReader bytes(head, ByteOrder::kBig);
  for (const Signature& each : kSignatures) {
    if (bytes.has(each.at, each.text)) return refusal(each.name, each.remedy);
  }
  const std::string text = as_text(head);
  if (text.starts_with("<!doctype html") || text.starts_with("<html")) return refusal("an HTML page", kDownload);
  if (is_svg(text)) return refusal("an SVG drawing", "render it to PNG");
  if (head.size() >= 16 && std::all_of(head.begin(), head.end(), [](std::uint8_t byte) { return byte == 0; })) {
    return "not an image: only zeros, as a download or a disk that failed leaves them; fetch the image again";
  }
  return std::nullopt;
}

std::string describe_unknown(std::span<const std::uint8_t> head) {
  return describe_unread(head).value_or("not an image: starts with " + first_bytes(head));
}

}  // namespace margay::data
