#include "margay/data/image/read_image.h"

#include <algorithm>
#include <cerrno>
#include <climits>
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
  if (descriptor_ < 0) fail("cannot be opened");
  struct stat status {};
  const bool is_known = fstat(descriptor_, &status) == 0;
  const bool is_regular = is_known && S_ISREG(status.st_mode);
  size_ = is_regular ? static_cast<std::size_t>(status.st_size) : 0;
  if (is_regular && size_ <= kMaxBytes) return;
  close(descriptor_);
  if (is_regular) {
    throw core::DataError(path_,
                          fmt::format("a file of {} bytes, more than the {} that an image may take", size_, kMaxBytes));
  }
  if (!is_known) fail("cannot be read");
  throw core::DataError(path_, "not a regular file; expected the path of an image");
}

ImageFile::~ImageFile() { close(descriptor_); }

std::vector<std::uint8_t> ImageFile::read(std::size_t most) const {
  std::vector<std::uint8_t> bytes(std::min(most, size_));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = pread(descriptor_, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
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

constexpr const char* kWanted = "expected a complete JPEG, PNG, GIF, BMP, TIFF, WebP or PNM image";
constexpr const char* kRemedy = "replace the file or leave it out";

core::Image decode(Bytes bytes, const ReadOptions& options) {
  switch (sniff_format(bytes)) {
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, options);
    case ImageFormat::kPng:
      return decode_png(bytes, options.max_pixels);
    case ImageFormat::kGif:
      return decode_gif(bytes, options.max_pixels);
    case ImageFormat::kWebp:
      return decode_webp(bytes, options.max_pixels);
    case ImageFormat::kTiff:
      return decode_tiff(bytes, options.max_pixels);
    case ImageFormat::kBmp:
      return decode_bmp(bytes, options.max_pixels);
    case ImageFormat::kPnm:
      return decode_pnm(bytes, options.max_pixels);
    case ImageFormat::kUnknown:
      break;
  }
  throw DecodeFailure(bytes.empty() ? "empty file" : describe_unknown(bytes));
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
    case ImageFormat::kUnknown:
      break;
  }
  throw DecodeFailure(bytes.empty() ? "empty file" : describe_unknown(bytes));
}

/// The result, or a DecodeFailure with the file's name and the remedy.
template <class Step>
auto with_name(const std::filesystem::path& name, Step&& step) {
  try {
    return step();
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
}

}  // namespace

void check_size(ImageSize size, std::int64_t max_pixels) {
  const auto [height, width] = size;
  if (height <= 0 || width <= 0) throw DecodeFailure(fmt::format("claims a size of {}x{}", width, height));
  if (width <= max_pixels / height && height <= INT_MAX && width <= INT_MAX) return;
  throw DecodeFailure(
      fmt::format("claims {}x{} pixels, more than the limit of {} (max_pixels)", width, height, max_pixels));
}

ImageSize upright(ImageSize stored, int orientation) {
  if (orientation >= 5 && orientation <= 8) std::swap(stored.height, stored.width);
  return stored;
}

core::Image read_image(const std::filesystem::path& path, const ReadOptions& options) {
  check_size(options);
  return decode_image(ImageFile(path).read(), path, options);
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

}  // namespace margay::data
