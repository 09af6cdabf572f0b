#include "margay/data/image/image_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "margay/core/error.h"

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

}  // namespace margay::data
