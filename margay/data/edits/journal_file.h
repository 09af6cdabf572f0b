#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/stat.h>

#include "margay/core/descriptor.h"

namespace margay::data {

/// A file, or a folder, that is open until this goes; what a journal is read and written with.
class JournalFile {
 public:
  /// flags: of open(2). Throws nothing: is_open() tells, and errno why.
  JournalFile(const std::filesystem::path& path, int flags);

  bool is_open() const { return descriptor_.is_open(); }
  int descriptor() const { return descriptor_.number(); }

  /// Throws core::IoError, as the next.
  struct stat status() const;
  std::string read_from(std::uint64_t begin) const;

  /// Appends with one call of write, and makes it durable; or leaves the file at `end` bytes, as it was, and throws
  /// core::IoError.
  void append(std::string_view text, std::uint64_t end) const;

 private:
  std::filesystem::path path_;
  core::Descriptor descriptor_;
};

/// Makes the folder that the file lies in, durably. Throws core::IoError.
void make_folder_for(const std::filesystem::path& file);

/// Locks FILE.lock, and says there who holds it and to what purpose. Waits for others, which hold it for a moment.
/// Returns what holds the lock. Throws core::IoError where no lock can be had,
/// core::Error, naming the holder, where another process keeps it for ten seconds.
core::Descriptor lock_journal(const std::filesystem::path& journal, const std::string& purpose);

}  // namespace margay::data
