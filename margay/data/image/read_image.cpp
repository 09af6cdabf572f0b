#include "margay/data/image/read_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

constexpr const char* kWanted = "expected a complete JPEG, PNG, GIF, BMP, TIFF, WebP or PNM picture";
constexpr const char* kRemedy = "replace the file or leave it out";

/// An open file that closes itself.
class File {
 public:
  explicit File(const std::filesystem::path& path)
      : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) fail("cannot be opened");
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(descriptor_); }

  std::vector<std::uint8_t> read_all() const {
    std::vector<std::uint8_t> bytes(size());
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      const ssize_t count = read(descriptor_, bytes.data() + filled, bytes.size() - filled);
      if (count < 0 && errno != EINTR) fail("cannot be read");
      if (count == 0) break;  // somebody cut the file meanwhile
      filled += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    bytes.resize(filled);
    return bytes;
  }

 private:
  /// Only regular files: a pipe or a device would keep a loader thread waiting for ever.
  std::size_t size() const {
    struct stat status {};
    if (fstat(descriptor_, &status) != 0) fail("cannot be read");
    if (!S_ISREG(status.st_mode)) throw core::DataError(path_, fmt::format("not a regular file; {}", kWanted));
    return static_cast<std::size_t>(status.st_size);
  }

  [[noreturn]] void fail(const char* what) const {
    const std::string reason = std::generic_category().message(errno);
    throw core::DataError(path_, fmt::format("{} ({}); check the path and its permissions", what, reason));
  }

  const std::filesystem::path& path_;
  int descriptor_;
};

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

Image decode(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  if (bytes.empty()) throw DecodeFailure("empty file");
  const ImageFormat format = sniff_format(bytes);
  switch (format) {
    case ImageFormat::kUnknown:
      throw DecodeFailure("not a picture: starts with " + first_bytes(bytes));
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, options.max_pixels);
    case ImageFormat::kPng:
      return decode_png(bytes, options.max_pixels);
    case ImageFormat::kGif:
      return decode_gif(bytes, options.max_pixels);
    case ImageFormat::kWebp:
      return decode_webp(bytes, options.max_pixels);
    default:
      check_declared_size(bytes, format, options.max_pixels);
  }
  return decode_with_opencv(bytes, format);
}

}  // namespace

void check_declared_size(std::span<const std::uint8_t> bytes, ImageFormat format, std::int64_t max_pixels) {
  const auto size = declared_size(bytes, format);
  if (!size) throw DecodeFailure(fmt::format("a {} whose header gives no size", format_name(format)));
  check_size(size->height, size->width, max_pixels);
}

void check_size(std::int64_t height, std::int64_t width, std::int64_t max_pixels) {
  if (height <= 0 || width <= 0) throw DecodeFailure(fmt::format("claims a size of {}x{}", width, height));
  if (width <= max_pixels / height) return;
  throw DecodeFailure(
      fmt::format("claims {}x{} pixels, more than the limit of {} (max_pixels)", width, height, max_pixels));
}

Image read_image(const std::filesystem::path& path, const ReadOptions& options) {
  return decode_image(File(path).read_all(), path, options);
}

Image decode_image(std::span<const std::uint8_t> bytes, const std::filesystem::path& name, const ReadOptions& options) {
  try {
    return decode(bytes, options);
  } catch (const DecodeFailure& failure) {
    throw core::DataError(name, fmt::format("{}; {}: {}", failure.what(), kWanted, kRemedy));
  }
}

}  // namespace margay::data
