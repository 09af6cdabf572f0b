#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace margay::core {

/// A file that appears under its name complete or not at all. Bytes go to `.<name>.tmp-<boot>-<pid>-<n>` in the
/// same folder; commit() makes them durable (fsync), renames, and makes the renaming durable (fsync of the
/// folder). Until then readers see the previous file, and a failure leaves it as it was.
/// If `path` is a symbolic link, the file that it points to is replaced.
/// The next AtomicFile in the folder removes what killed processes have left there: temporary files that their process
/// no longer locks (flock) where it ran in this boot of this machine. Those of other machines, whose locks may not be
/// seen, and those of earlier boots are removed when nothing was written to them for a day.
/// Every failure is an IoError naming the path and the reason. Not for use from several threads at once.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  /// Removes the temporary file if commit() was not reached.
  ~AtomicFile();

  /// Appends `size` bytes.
  void write(const void* bytes, std::size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Puts the file in place. Nothing may be written after it.
  void commit();

 private:
  [[noreturn]] void fail(const char* problem);
  void discard() noexcept;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Replaces the whole file by `content` in one step.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Holds a file for this process alone as long as it lives. The system lets go of it when the process ends, however
/// that happens; the file itself stays.
class FileLock {
 public:
  /// Makes the file if need be. Throws Error when another process holds it. Where it cannot be written, or the file
  /// system knows no locks, nothing is held.
  explicit FileLock(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

}  // namespace margay::core
