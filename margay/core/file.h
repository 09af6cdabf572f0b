#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "margay/core/descriptor.h"

namespace margay::core {

/// A file that appears under its name either complete or not at all. Bytes go to `.<name>.tmp-<boot>-<pid>-<n>` in the
/// same folder; commit() makes them durable (fsync), renames, and makes the renaming durable (fsync of the folder).
/// Until commit() readers see the previous file, and a failure leaves that file unchanged.
/// If `path` is a symbolic link, the file that it points to is replaced.
/// The next AtomicFile in the folder removes the temporary files that killed processes have left there. A file of this
/// machine's current boot is removed as soon as no process locks it (flock). A file of another machine, whose locks may
/// be invisible here, or of an earlier boot is removed when nothing has been written to it for a day.
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

  /// Puts the file in place. After that nothing more may be written.
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

/// Throws what AtomicFile would throw for this path, before the work for the file's content is done, and leaves nothing
/// behind. (A disk may still fill up meanwhile.)
void check_writable(const std::filesystem::path& path);

/// Makes the entries of a folder survive a power cut (fsync), such as a renaming in it. Folders that may not be read,
/// and file systems that cannot do it, are passed over. folder: "" is the current one. Throws IoError.
void sync_folder(const std::filesystem::path& folder);

/// An exclusive lock on a file, held while the object lives. The system releases the lock when the process ends,
/// however it ends; the file itself stays.
class FileLock {
 public:
  /// Creates the file if there is none. Throws Error when another process holds the lock. Where the file cannot be
  /// written, or the file system has no locks, nothing is locked.
  explicit FileLock(const std::filesystem::path& path);

 private:
  Descriptor descriptor_;
};

}  // namespace margay::core
