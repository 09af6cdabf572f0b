#include "margay/train/registry/index_repair.h"

#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace margay::train {
namespace {

namespace fs = std::filesystem;

/// Only one process at a time judges an index, or the second would put aside what the first has made. File systems
/// that cannot lock a folder go without.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) continue;
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  int descriptor_;
};

bool is_usable(const fs::path& path) {
  try {
    RunIndex(path).all();
    return true;
  } catch (const UnusableIndexError&) {
    return false;
  }
}

fs::path free_name(const fs::path& path) {
  const std::string wanted = fmt::format("{}.damaged-{}", path.string(), std::time(nullptr));
  fs::path name = wanted;
  for (int attempt = 2; fs::exists(name); ++attempt) name = fmt::format("{}-{}", wanted, attempt);
  return name;
}

}  // namespace

fs::path put_index_aside(const fs::path& path) {
  const FolderLock lock(path.parent_path());
  if (is_usable(path)) return {};
  const fs::path aside = free_name(path);
  const fs::path journal = path.string() + "-journal";
  std::error_code failure;
  // The journal goes first: it must never be applied to the new database.
  if (fs::exists(journal, failure)) fs::rename(journal, aside.string() + "-journal", failure);
  if (!failure) fs::rename(path, aside, failure);
  if (failure) throw core::IoError(path, "the damaged list of runs cannot be put aside", failure.value());
  return aside;
}

}  // namespace margay::train
