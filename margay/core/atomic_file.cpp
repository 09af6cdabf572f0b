#include "margay/core/atomic_file.h"

#include <atomic>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::core {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kNewFileMode = 0666;  // less the umask

/// The file that will be replaced: behind a symbolic link, so that the link stays one.
fs::path replaced_file(const fs::path& path) {
  std::error_code failure;
  const fs::file_status there = fs::symlink_status(path, failure);
  if (there.type() != fs::file_type::symlink) return path;
  const fs::path target = fs::weakly_canonical(path, failure);
  return failure ? path : target;
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

fs::path temporary_beside(const fs::path& path) {
  static std::atomic<unsigned> serial{0};
  return folder_of(path) / fmt::format(".{}.tmp-{}-{}", path.filename().string(), ::getpid(), serial++);
}

/// Makes a renaming survive a power cut. Some file systems cannot (EINVAL); they do it on their own.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a folder that may be written to but not read
  const int reason = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (reason != 0 && reason != EINVAL) throw IoError(folder, "cannot sync the folder", reason);
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(replaced_file(path)) {
  struct stat previous {};
  const bool replaces = ::stat(path_.c_str(), &previous) == 0;
  if (replaces && !S_ISREG(previous.st_mode)) throw IoError(path_, "cannot be replaced: not a regular file");
  do {  // a crashed process of the same number may have left a file of the same name
    temporary_ = temporary_beside(path_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewFileMode);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) throw IoError(path_, "cannot write to this folder", errno);
  if (replaces) ::fchmod(descriptor_, previous.st_mode & 07777U);  // at worst the new file has default rights
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(const void* bytes, std::size_t size) {
  MARGAY_CHECK(descriptor_ >= 0, "a committed file was written to");
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write");
    next += written;
    size -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  MARGAY_CHECK(descriptor_ >= 0, "a file was committed twice");
  if (::fsync(descriptor_) != 0) fail("cannot sync");
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) fail("cannot close");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename into place");
  temporary_.clear();
  sync_folder(folder_of(path_));
}

void AtomicFile::fail(const char* problem) {
  const int reason = errno;
  discard();
  throw IoError(path_, problem, reason);
}

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace margay::core
