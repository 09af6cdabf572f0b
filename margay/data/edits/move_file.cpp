#include "margay/data/edits/move_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/checksum.h"
#include "margay/core/descriptor.h"
#include "margay/core/error.h"
#include "margay/core/file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNameIsTaken = "there is a file of this name already";

std::string reason_text(int reason) { return std::generic_category().message(reason); }

bool is_entry(const fs::path& path, struct stat& status) { return ::lstat(path.c_str(), &status) == 0; }

/// Only where both are of one kind: two links that lead to the same, or two files of the same bytes.
bool are_copies(const fs::path& a, const struct stat& status_a, const fs::path& b, const struct stat& status_b) {
  if ((status_a.st_mode & S_IFMT) != (status_b.st_mode & S_IFMT)) return false;
  std::error_code failure;
  if (S_ISLNK(status_a.st_mode)) return fs::read_symlink(a, failure) == fs::read_symlink(b, failure) && !failure;
  return S_ISREG(status_a.st_mode) && status_a.st_size == status_b.st_size &&
         core::sha256_of_file(a) == core::sha256_of_file(b);
}

int copy_bytes(int from, int to) {
  std::vector<char> part(std::size_t{1} << 20U);
  while (true) {
    const ssize_t got = ::read(from, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : 0;
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = ::write(to, part.data() + done, static_cast<std::size_t>(got - done));
      if (written < 0 && errno != EINTR) return errno;
      done += written < 0 ? 0 : written;
    }
  }
}

/// Rights, owner where that is allowed, times; then on the disk.
int copy_file_to(const fs::path& from, const struct stat& status, const fs::path& to) {
  const core::Descriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in.is_open()) return errno;
  const core::Descriptor opened(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!opened.is_open()) return errno;
  const int out = opened.number();
  if (const int reason = copy_bytes(in.number(), out)) return reason;
  if (::fchown(out, status.st_uid, status.st_gid) != 0 && errno != EPERM) return errno;
  if (::fchmod(out, status.st_mode & 07777U) != 0) return errno;
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  if (::futimens(out, times.data()) != 0) return errno;
  return ::fsync(out) == 0 ? 0 : errno;
}

int copy_link_to(const fs::path& from, const struct stat& status, const fs::path& to) {
  std::error_code failure;
  const fs::path target = fs::read_symlink(from, failure);
  if (failure) return failure.value();
  if (::symlink(target.c_str(), to.c_str()) != 0) return errno;
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  return ::utimensat(AT_FDCWD, to.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

/// A part of a copy has a name of its own, so that what bears the file's name is whole.
std::string move_across(const fs::path& from, const struct stat& status, const fs::path& to) {
  fs::path part = to;
  part.replace_filename("." + to.filename().native() + ".margay-part");
  ::unlink(part.c_str());
  int reason = S_ISLNK(status.st_mode) ? copy_link_to(from, status, part) : copy_file_to(from, status, part);
  if (reason == 0) reason = rename_without_replacing(part, to);
  if (reason != 0) {
    ::unlink(part.c_str());
    return reason == EEXIST ? kNameIsTaken : reason_text(reason);
  }
  core::sync_folder(to.parent_path());
  return ::unlink(from.c_str()) == 0 ? "" : reason_text(errno);
}

}  // namespace

int rename_without_replacing(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that knows no such renaming: a second name never replaces a file either.
  if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0) == 0) return ::unlink(from.c_str()) == 0 ? 0 : errno;
  if (errno != EPERM && errno != EOPNOTSUPP) return errno;
  struct stat status {};
  if (is_entry(to, status)) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

int copy_file_durably(const fs::path& from, const fs::path& to) {
  const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (in < 0) return errno;
  const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  int reason = out < 0 ? errno : copy_bytes(in, out);
  struct stat status {};
  if (out >= 0 && reason == 0 && ::fstat(in, &status) == 0) {
    const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
    if (::futimens(out, times.data()) != 0) reason = errno == EPERM ? 0 : errno;
  }
  if (out >= 0 && reason == 0 && ::fsync(out) != 0) reason = errno;
  if (out >= 0 && ::close(out) != 0 && reason == 0) reason = errno;
  ::close(in);
  if (out >= 0 && reason != 0) ::unlink(to.c_str());
  return reason;
}

bool is_taken(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

fs::path numbered_name(const fs::path& path, int n) {
  if (n == 1) return path;
  fs::path name = path;
  return name.replace_filename(fmt::format("{}-{}{}", path.stem().native(), n, path.extension().native()));
}

std::int64_t modified_ns(const fs::path& path) {
  struct stat status {};
  if (!is_entry(path, status)) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

void set_modified_ns(const fs::path& path, std::int64_t time_ns) {
  const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                         timespec{.tv_sec = static_cast<time_t>(time_ns / 1'000'000'000),
                                                  .tv_nsec = static_cast<long>(time_ns % 1'000'000'000)}};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) != 0) return;  // the file itself is what counts
}

std::string move_file(const fs::path& from, const fs::path& to) {
  struct stat source {};
  struct stat target {};
  const bool is_there = is_entry(from, source);
  const bool is_moved = is_entry(to, target);
  if (!is_there) return is_moved ? "" : "it is gone";
  if (is_moved) {
    // A crash may leave two names of one file, where renaming is two steps, or between two file systems a copy.
    const bool is_one_disk = source.st_dev == target.st_dev;
    const bool is_one_file = is_one_disk && source.st_ino == target.st_ino;
    if (!is_one_file && (is_one_disk || !are_copies(from, source, to, target))) return kNameIsTaken;
    return ::unlink(from.c_str()) == 0 ? "" : reason_text(errno);
  }
  std::error_code failure;
  fs::create_directories(to.parent_path(), failure);
  if (failure) return fmt::format("its folder cannot be made: {}", failure.message());
  const int reason = rename_without_replacing(from, to);
  if (reason == EXDEV) return move_across(from, source, to);
  if (reason == EEXIST) return kNameIsTaken;
  return reason == 0 ? "" : reason_text(reason);
}

}  // namespace margay::data
