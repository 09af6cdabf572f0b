#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>

#include "apps/serve/task_thread.h"

namespace margay::routes {

/// Lines that are written by a thread of their own, so that a slow disk or a reader that stands still holds no request.
/// Beyond 10,000 lines that wait, lines are lost, and the next one that is written says how many.
class AccessLogFile {
 public:
  /// "-": standard error. Lines are appended. Throws core::IoError where the file cannot be opened.
  explicit AccessLogFile(std::filesystem::path path);
  AccessLogFile(const AccessLogFile&) = delete;
  AccessLogFile& operator=(const AccessLogFile&) = delete;
  /// Writes what waits.
  ~AccessLogFile();

  /// A line without its line break.
  void write(std::string line);
  /// Opens the file again, for programs that move full logs away. Throws as the constructor; the file of before is
  /// then written on.
  void reopen();
  /// Why the last line could not be written, as errno; 0 if it was.
  int write_error() const { return write_error_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_now(const std::string& line);

  std::filesystem::path path_;
  std::atomic<int> descriptor_;
  std::atomic<std::int64_t> lost_ = 0;
  std::atomic<int> write_error_ = 0;
  TaskThread writer_;
};

}  // namespace margay::routes
