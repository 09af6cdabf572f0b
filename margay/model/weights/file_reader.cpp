#include "margay/model/weights/file_reader.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/machine.h"

namespace margay::model {
namespace {

std::string errno_text() { return " (" + std::generic_category().message(errno) + ")"; }

bool is_same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

FileReader::FileReader(const std::filesystem::path& path)
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) throw core::DataError(path, "cannot be opened" + errno_text());
  const bool is_known = ::fstat(descriptor_, &opened_) == 0;
  if (is_known && S_ISREG(opened_.st_mode)) return;
  const std::string problem = is_known ? "is not a regular file" : "cannot be examined" + errno_text();
  ::close(descriptor_);
  throw core::DataError(path, problem);
}

FileReader::~FileReader() { ::close(descriptor_); }

void FileReader::read(std::span<std::byte> to, std::size_t offset) const {
  while (!to.empty()) {
    const ssize_t count = ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw core::DataError(path_, "cannot be read" + errno_text());
    if (count == 0) throw core::FormatError(path_, fmt::format("was cut to {} bytes while it was read", offset));
    to = to.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::size_t>(count);
  }
  check_unchanged();
}

at::Tensor FileReader::read_first(std::size_t most) const {
  const std::size_t count = std::min(most, size());
  check_fits(count);
  at::Tensor bytes = at::empty({static_cast<std::int64_t>(count)}, at::kByte);
  read(bytes_of(bytes), 0);
  return bytes;
}

void FileReader::check_fits(std::size_t count) const {
  constexpr std::size_t kSmall = std::size_t{1} << 26U;  // asking the system takes longer than reading a little
  if (count <= kSmall) return;
  const std::uint64_t free_bytes = core::available_memory_bytes();
  if (free_bytes == 0 || count <= free_bytes) return;  // 0: the system does not say
  throw core::DataError(
      path_, fmt::format("{} bytes are to be read, more than the {} of memory that are free", count, free_bytes));
}

void FileReader::check_unchanged() const {
  struct stat now {};
  if (::fstat(descriptor_, &now) != 0) throw core::DataError(path_, "cannot be examined" + errno_text());
  if (now.st_size == opened_.st_size && is_same_time(now.st_mtim, opened_.st_mtim)) return;
  throw core::FormatError(path_, "was written by another program while it was read; try again when that is done");
}

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

}  // namespace margay::model
