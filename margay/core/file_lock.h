#pragma once

#include <filesystem>

namespace margay::core {

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
