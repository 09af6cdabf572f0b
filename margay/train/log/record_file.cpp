#include "margay/train/log/record_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::train {
namespace {

constexpr mode_t kNewFileMode = 0666;  // less the umask

int open_for_writing(const std::filesystem::path& path, int flags) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, kNewFileMode);
}

std::uint64_t size_of(int descriptor) {
  struct stat found {};
  return ::fstat(descriptor, &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

/// All bytes from `offset` on; 0, or the errno of the write that failed.
int write_all(int descriptor, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

}  // namespace

RecordFile::RecordFile(const std::filesystem::path& path, std::uint64_t kept_bytes)
    : RecordFile(path, open_for_writing(path, 0), 0) {
  if (!descriptor_.is_open()) throw core::IoError(path, "cannot write this log", errno);
  size_ = size_of(descriptor_.number());
  if (size_ <= kept_bytes) return;
  if (::ftruncate(descriptor_.number(), static_cast<off_t>(kept_bytes)) != 0) {
    throw core::IoError(path, "cannot cut this log to where it goes on", errno);
  }
  size_ = kept_bytes;
}

std::optional<RecordFile> RecordFile::create(const std::filesystem::path& path) {
  const int descriptor = open_for_writing(path, O_EXCL);
  if (descriptor >= 0) return RecordFile(path, descriptor, 0);
  if (errno == EEXIST) return std::nullopt;
  throw core::IoError(path, "cannot make this log", errno);
}

void RecordFile::append(std::string_view record) {
  const int reason = write_all(descriptor_.number(), record, size_);
  if (reason == 0) {
    size_ += record.size();
    return;
  }
  // Where even this fails, the next record is written over the half one.
  [[maybe_unused]] const int ignored = ::ftruncate(descriptor_.number(), static_cast<off_t>(size_));
  throw core::IoError(path_, "cannot write to this log", reason);
}

}  // namespace margay::train
