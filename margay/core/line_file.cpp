#include "margay/core/line_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::core {
namespace {

/// Held for one append, so that no other process's line is taken for a cut one.
class AppendLock {
 public:
  explicit AppendLock(int descriptor) : descriptor_(descriptor) {
    while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  AppendLock(const AppendLock&) = delete;
  AppendLock& operator=(const AppendLock&) = delete;
  ~AppendLock() { ::flock(descriptor_, LOCK_UN); }

 private:
  int descriptor_;
};

std::string whole_text(int descriptor) {
  struct stat status {};
  std::string text(::fstat(descriptor, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::pread(descriptor, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

/// Where the last whole line ends.
off_t end_of_lines(int descriptor) {
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  char last = '\n';
  if (size <= 0 || (::pread(descriptor, &last, 1, size - 1) == 1 && last == '\n')) return size;
  return static_cast<off_t>(whole_text(descriptor).rfind('\n') + 1);
}

}  // namespace

LineFile::LineFile(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code failure;
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), failure);
  if (failure) throw IoError(path_.parent_path(), "the folder cannot be made", failure.value());
  descriptor_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!descriptor_.is_open()) throw IoError(path_, "cannot be written", errno);
}

std::string LineFile::read() const {
  std::string text = whole_text(descriptor_.number());
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  return text;
}

void LineFile::append(std::string_view lines) {
  const AppendLock lock(descriptor_.number());
  const off_t end = end_of_lines(descriptor_.number());
  if (::ftruncate(descriptor_.number(), end) != 0) throw IoError(path_, "cannot be written", errno);
  std::size_t done = 0;
  while (done < lines.size()) {
    const ssize_t written = ::write(descriptor_.number(), lines.data() + done, lines.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int reason = errno;
      // What cannot be taken back is a cut line, which the next append takes away.
      if (::ftruncate(descriptor_.number(), end) != 0) throw IoError(path_, "cannot be written, nor be cut", reason);
      throw IoError(path_, "cannot be written", reason);
    }
    done += static_cast<std::size_t>(written);
  }
}

void LineFile::sync() {
  if (::fdatasync(descriptor_.number()) != 0) throw IoError(path_, "cannot be written to the disk", errno);
}

}  // namespace margay::core
