#include "margay/core/file.h"

#include <atomic>
#include <cerrno>
#include <ctime>
#include <optional>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/core/text.h"

namespace margay::core {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kAtomicFileMode = 0666;  // less the umask
constexpr std::string_view kTemporaryMark = ".tmp-";
constexpr std::size_t kBootDigits = 8;
constexpr std::size_t kLongestName = 200;                   // of the 255 bytes that file systems take
constexpr std::time_t kAbandonedAfter_s = 24L * 60L * 60L;  // where a lock does not tell

/// The file that will be replaced: behind a symbolic link, so that the link stays one.
fs::path replaced_file(const fs::path& path) {
  std::error_code failure;
  const fs::file_status there = fs::symlink_status(path, failure);
  if (there.type() != fs::file_type::symlink) return path;
  const fs::path target = fs::weakly_canonical(path, failure);
  return failure ? path : target;
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

/// The first digits of boot_id(), empty where there is none.
std::string boot_digits() {
  const std::string id = boot_id();
  return id.size() < kBootDigits ? "" : id.substr(0, kBootDigits);
}

std::string temporary_prefix(const fs::path& path) {
  return fmt::format(".{}{}", path.filename().string().substr(0, kLongestName), kTemporaryMark);
}

fs::path temporary_beside(const fs::path& path) {
  static std::atomic<unsigned> serial{0};
  return folder_of(path) / fmt::format("{}{}-{}-{}", temporary_prefix(path), boot_digits(), ::getpid(), serial++);
}

/// False when a process took the new file for an abandoned one before it was locked. A file system without locks keeps
/// it, too.
bool lock_new_file(int descriptor) {
  while (::flock(descriptor, LOCK_EX) != 0 && errno == EINTR) {
  }
  struct stat file {};
  return ::fstat(descriptor, &file) != 0 || file.st_nlink > 0;
}

/// Makes the file that `temporary` then names, locked as long as it is open. Negative: errno says why it cannot be.
int open_temporary(const fs::path& path, fs::path& temporary) {
  while (true) {
    temporary = temporary_beside(path);
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kAtomicFileMode);
    if (descriptor < 0 && errno == EEXIST) continue;  // left by a process of the same number
    if (descriptor < 0 || lock_new_file(descriptor)) return descriptor;
    ::close(descriptor);
  }
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_boot(std::string_view text) {
  return text.size() == kBootDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Whose temporary file a name is.
struct TemporaryName {
  std::string prefix;  ///< as temporary_prefix
  std::string boot;    ///< as boot_digits; empty also in names of the old form, without one
};

/// Nothing for other names: PREFIX[BOOT-]PROCESS-NUMBER.
std::optional<TemporaryName> temporary_name(const std::string& name) {
  const std::size_t mark = name.rfind(kTemporaryMark);
  if (mark == std::string::npos || name[0] != '.') return std::nullopt;
  const std::size_t end = mark + kTemporaryMark.size();
  const std::string rest = name.substr(end);
  const std::size_t number = rest.rfind('-');
  if (number == std::string::npos || !is_number(rest.substr(number + 1))) return std::nullopt;
  const std::string owner = rest.substr(0, number);
  const std::size_t process = owner.rfind('-');
  if (!is_number(owner.substr(process == std::string::npos ? 0 : process + 1))) return std::nullopt;
  const std::string boot = process == std::string::npos ? "" : owner.substr(0, process);
  if (!boot.empty() && !is_boot(boot)) return std::nullopt;
  return TemporaryName{name.substr(0, end), boot};
}

/// Removes the file if its process is gone. now: by the file system's clock, which other machines share.
void remove_if_abandoned(const fs::path& path, const std::string& boot, std::time_t now) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return;
  struct stat file {};
  const bool is_known = ::fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode);
  const bool is_locked = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  const bool is_held = !is_locked && errno == EWOULDBLOCK;
  const bool tells_lock = is_locked && !boot.empty() && boot == boot_digits();
  if (is_known && !is_held && (tells_lock || now - file.st_mtime >= kAbandonedAfter_s)) ::unlink(path.c_str());
  ::close(descriptor);
}

/// What killed processes have left in the folder. A file of another program must not be taken for one of them, so names
/// of the old form count only where they are of the file that is being written.
void remove_abandoned(const fs::path& path, int descriptor) {
  struct stat own {};
  if (::fstat(descriptor, &own) != 0) return;
  const std::string prefix = temporary_prefix(path);
  std::error_code failure;
  for (fs::directory_iterator it(folder_of(path), failure), end; !failure && it != end; it.increment(failure)) {
    const std::optional<TemporaryName> found = temporary_name(it->path().filename().string());
    if (!found || (found->boot.empty() && found->prefix != prefix)) continue;
    remove_if_abandoned(it->path(), found->boot, own.st_mtime);
  }
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(replaced_file(path)) {
  if (!path_.has_filename()) throw IoError(path_, "cannot be written: a folder, not a file");
  struct stat previous {};
  const bool replaces = ::stat(path_.c_str(), &previous) == 0;
  if (!replaces && errno == ENAMETOOLONG) throw IoError(path_, "cannot be written", errno);
  if (replaces && !S_ISREG(previous.st_mode)) throw IoError(path_, "cannot be replaced: not a regular file");
  descriptor_ = open_temporary(path_, temporary_);
  if (descriptor_ < 0) throw IoError(path_, "cannot write to this folder", errno);
  remove_abandoned(path_, descriptor_);
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
  // A network's file system reports some failures when a descriptor is closed; the lock must hold until the renaming.
  const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0 || ::close(copy) != 0) fail("cannot close");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename into place");
  temporary_.clear();
  discard();
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

void check_writable(const fs::path& path) { const AtomicFile probe(path); }

void sync_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open() || ::fsync(opened.number()) == 0 || errno == EINVAL) return;
  throw IoError(folder, "cannot sync the folder", errno);
}

FileLock::FileLock(const std::filesystem::path& path)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (!descriptor_.is_open() || ::flock(descriptor_.number(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  throw Error(
      fmt::format("{}: another process is at work here; wait until it ends", core::shown_path(path.parent_path())));
}

}  // namespace margay::core
