#include "margay/data/edits/journal_file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/machine.h"
#include "margay/core/text.h"
#include "margay/data/edits/move_file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLockPatience{10};

/// "process 4711 on host, which applies decisions".
std::string holder_of(const JournalFile& lock) {
  const std::string said = core::one_line(lock.read_from(0));
  return said.empty() ? "another process" : said;
}

/// One for all links to the file.
fs::path lock_of(const fs::path& journal) {
  std::error_code failure;
  const fs::path file = fs::is_symlink(journal, failure) ? fs::weakly_canonical(journal, failure) : journal;
  return (failure ? journal : file).native() + ".lock";
}

}  // namespace

JournalFile::JournalFile(const fs::path& path, int flags)
    : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}

struct stat JournalFile::status() const {
  struct stat status {};
  if (::fstat(descriptor_.number(), &status) != 0) throw core::IoError(path_, "cannot be read", errno);
  return status;
}

std::string JournalFile::read_from(std::uint64_t begin) const {
  const auto size = static_cast<std::uint64_t>(std::max<off_t>(status().st_size, 0));
  std::string text(size > begin ? size - begin : 0, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got =
        ::pread(descriptor_.number(), text.data() + done, text.size() - done, static_cast<off_t>(begin + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw core::IoError(path_, "cannot be read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

void JournalFile::append(std::string_view text, std::uint64_t end) const {
  ssize_t written = -1;
  do {
    written = ::write(descriptor_.number(), text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  int reason = written < 0 ? errno : ENOSPC;  // a part was written: the next byte had no place
  const bool is_whole = written == static_cast<ssize_t>(text.size());
  if (is_whole && ::fdatasync(descriptor_.number()) == 0) return;
  if (is_whole) reason = errno;
  // What cannot be taken back is a cut line, which the next append moves away.
  if (::ftruncate(descriptor_.number(), static_cast<off_t>(end)) == 0) ::fsync(descriptor_.number());
  throw core::IoError(path_, "the decision could not be written, and does not count", reason);
}

void make_folder_for(const fs::path& file) {
  const fs::path folder = file.parent_path();
  std::error_code failure;
  if (folder.empty() || fs::is_directory(folder, failure)) return;
  fs::create_directories(folder, failure);
  if (failure) {
    throw core::IoError(folder, "the folder for the journal cannot be made; name another place with `journal`",
                        failure.value());
  }
  core::sync_folder(folder.parent_path());
}

core::Descriptor lock_journal(const fs::path& journal, const std::string& purpose) {
  const fs::path path = lock_of(journal);
  core::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!file.is_open()) {
    throw core::IoError(path, "decisions cannot be written here; name another file for them with `journal`", errno);
  }
  const auto until = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) {
      throw core::IoError(path, "the file system has no locks; name a file on another one with `journal`", errno);
    }
    if (std::chrono::steady_clock::now() >= until) {
      throw core::Error(fmt::format("{}: {} is at work on this journal; wait until it ends", core::shown_path(journal),
                                    holder_of(JournalFile(path, O_RDONLY))));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const std::string said = fmt::format("process {} on {}, to {}\n", ::getpid(), core::host_name(), purpose);
  if (::ftruncate(file.number(), 0) == 0 && ::pwrite(file.number(), said.data(), said.size(), 0) < 0) {
    return file;  // the name of the holder is only for a message
  }
  return file;
}

}  // namespace margay::data
