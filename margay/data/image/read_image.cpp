#include "margay/data/image/read_image.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

/// What the largest image that is read by default can take in the most wasteful format: text, 24 bytes a pixel.
constexpr std::size_t kMaxBytes = std::size_t{1} << 32U;

}  // namespace

ImageFile::ImageFile(const std::filesystem::path& path)
    : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (!descriptor_.is_open()) fail("cannot be opened");
  struct stat status {};
  const bool is_known = fstat(descriptor_.number(), &status) == 0;
  const bool is_regular = is_known && S_ISREG(status.st_mode);
  size_ = is_regular ? static_cast<std::size_t>(status.st_size) : 0;
  if (is_regular && size_ <= kMaxBytes) return;
  if (is_regular) {
    throw core::DataError(path_,
                          fmt::format("a file of {} bytes, more than the {} that an image may take", size_, kMaxBytes));
  }
  if (!is_known) fail("cannot be read");
  throw core::DataError(path_, "not a regular file; expected the path of an image");
}

std::vector<std::uint8_t> ImageFile::read(std::size_t most) const {
  std::vector<std::uint8_t> bytes(std::min(most, size_));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count =
        pread(descriptor_.number(), bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
    if (count < 0 && errno != EINTR) fail("cannot be read");
    if (count == 0) break;  // somebody cut the file meanwhile
    filled += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  bytes.resize(filled);
  return bytes;
}

void ImageFile::fail(const char* what) const {
  const std::string reason = std::generic_category().message(errno);
  throw core::DataError(path_, fmt::format("{} ({}); check the path and its permissions", what, reason));
}

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr const char* kWanted = "expected a complete JPEG, PNG, GIF, BMP, TIFF, WebP, HEIC, AVIF or PNM image";
constexpr const char* kRemedy = "replace the file or leave it out";

[[noreturn]] void refuse_unknown(Bytes bytes) {
  if (const auto known = describe_unread(bytes)) throw DecodeRefusal(*known);
  throw DecodeFailure(bytes.empty() ? "empty file" : describe_unknown(bytes));
}

core::Image decode(Bytes bytes, const ReadOptions& options) {
  switch (sniff_format(bytes)) {
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, options);
    case ImageFormat::kPng:
      return decode_png(bytes, options);
    case ImageFormat::kGif:
      return decode_gif(bytes, options.max_pixels);
    case ImageFormat::kWebp:
      return decode_webp(bytes, options.max_pixels);
    case ImageFormat::kTiff:
      return decode_tiff(bytes, options);
    case ImageFormat::kBmp:
      return decode_bmp(bytes, options.max_pixels);
    case ImageFormat::kPnm:
      return decode_pnm(bytes, options);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return decode_heif(bytes, options.max_pixels);
    case ImageFormat::kUnknown:
      break;
  }
  refuse_unknown(bytes);
}

ImageSize header_size(Bytes bytes) {
  switch (sniff_format(bytes)) {
    case ImageFormat::kJpeg:
      return jpeg_size(bytes);
    case ImageFormat::kPng:
      return png_size(bytes);
    case ImageFormat::kGif:
      return gif_size(bytes);
    case ImageFormat::kWebp:
      return webp_size(bytes);
    case ImageFormat::kTiff:
      return tiff_size(bytes);
    case ImageFormat::kBmp:
      return bmp_size(bytes);
    case ImageFormat::kPnm:
      return pnm_size(bytes);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return heif_size(bytes);
    case ImageFormat::kUnknown:
      break;
  }
  refuse_unknown(bytes);
}

/// What decoding takes, whole image and all, at the peak.
std::uint64_t bytes_per_pixel(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
    case ImageFormat::kGif:
    case ImageFormat::kBmp:
    case ImageFormat::kPnm:
      return 4;
    case ImageFormat::kJpeg:
    case ImageFormat::kWebp:
    case ImageFormat::kTiff:
      return 8;
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return 10;  // in the process that decodes, too
    case ImageFormat::kUnknown:
      break;
  }
  return 0;
}

/// The result, or a DecodeFailure with the file's name and the remedy.
template <class Step>
auto with_name(const std::filesystem::path& name, Step&& step) {
  try {
    return step();
  } catch (const DecodeRefusal& failure) {
    throw core::DataError(name, failure.what());
  } catch (const DecodeFailure& failure) {
    throw core::DataError(name, fmt::format("{}; {}: {}", failure.what(), kWanted, kRemedy));
  }
}

void check_size(const ReadOptions& options) {
  if (options.max_pixels < 1) {
    throw std::invalid_argument(fmt::format("[read_image] max_pixels must be at least 1, got {}", options.max_pixels));
  }
  if (options.min_side < 0) {
    throw std::invalid_argument(fmt::format("[read_image] min_side must not be negative, got {}", options.min_side));
  }
  if (options.deep_bits < 8 || options.deep_bits > 16) {
    throw std::invalid_argument(fmt::format("[read_image] deep_bits must be 8 … 16, got {}", options.deep_bits));
  }
}

}  // namespace

namespace {

/// The most that decoding an image takes, pixels, file and all, from its first bytes. Where they do not tell the size
/// it is guessed from the file's.
std::uint64_t decoding_bytes(Bytes head, std::uint64_t file_bytes, const ReadOptions& options) {
  const ImageFormat format = sniff_format(head);
  try {
    if (format == ImageFormat::kJpeg) return file_bytes + jpeg_memory(head, options);
    const ImageSize size = header_size(head);
    const bool fits = size.height > 0 && size.width > 0 && size.width <= options.max_pixels / size.height;
    return fits ? file_bytes + bytes_per_pixel(format) * static_cast<std::uint64_t>(size.height * size.width) : 0;
  } catch (const DecodeFailure&) {
    constexpr std::uint64_t kPixelsPerByte = 4;
    const bool is_whole = head.size() == file_bytes;  // and broken, so it is not decoded
    return is_whole ? 0 : file_bytes * (1 + kPixelsPerByte * bytes_per_pixel(format));
  }
}

}  // namespace

DecodeRoom room_for(const ImageFile& file, const ReadOptions& options) {
  constexpr std::size_t kRead = std::size_t{1} << 20U;
  constexpr std::size_t kHead = std::size_t{1} << 16U;
  if (file.size() <= kRead) return DecodeRoom();
  return DecodeRoom(decoding_bytes(file.read(kHead), file.size(), options));
}

DecodeRoom room_for(Bytes bytes, const ReadOptions& options) {
  return DecodeRoom(decoding_bytes(bytes, bytes.size(), options));
}

core::Image read_image(const std::filesystem::path& path, const ReadOptions& options) {
  return hold_image(path, options).image;
}

HeldImage hold_image(const std::filesystem::path& path, const ReadOptions& options) {
  check_size(options);
  const ImageFile file(path);
  DecodeRoom room = room_for(file, options);
  const std::vector<std::uint8_t> bytes = file.read();
  if (room.bytes() == 0) room = room_for(bytes, options);  // a small file of many pixels
  return {std::move(room), decode_image(bytes, path, options)};
}

core::Image decode_image(Bytes bytes, const std::filesystem::path& name, const ReadOptions& options) {
  check_size(options);
  return with_name(name, [&] { return decode(bytes, options); });
}

ImageSize read_size(const std::filesystem::path& path) {
  constexpr std::size_t kHead = std::size_t{1} << 18U;  // holds the header of nearly every JPEG, its preview included
  const ImageFile file(path);
  const std::vector<std::uint8_t> head = file.read(kHead);
  if (head.size() < file.size() && sniff_format(head) == ImageFormat::kJpeg) {
    try {
      return jpeg_size(head);
    } catch (const DecodeFailure&) {  // its header is longer
    }
  }
  return decode_size(head.size() < file.size() ? file.read() : head, path);
}

ImageSize decode_size(Bytes bytes, const std::filesystem::path& name) {
  return with_name(name, [&] {
    const ImageSize size = header_size(bytes);
    if (size.height <= 0 || size.width <= 0) {
      throw DecodeFailure(fmt::format("claims a size of {}x{}", size.width, size.height));
    }
    return size;
  });
}

int sample_bits(Bytes bytes) {
  try {
    switch (sniff_format(bytes)) {
      case ImageFormat::kPng:
        return png_sample_bits(bytes);
      case ImageFormat::kTiff:
        return tiff_sample_bits(bytes);
      case ImageFormat::kPnm:
        return pnm_sample_bits(bytes);
      case ImageFormat::kUnknown:
        return 0;
      default:
        return 8;
    }
  } catch (const DecodeFailure&) {
    return 0;
  }
}

}  // namespace margay::data
