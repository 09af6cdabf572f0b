#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "margay/core/descriptor.h"

namespace margay::core {

/// A text file that grows by whole lines, as a list of what a program has done. A line that was cut when a program was
/// killed is taken away before the next one is written. Several processes may append to one file.
class LineFile {
 public:
  /// Opens the file, or makes it, with its folder. Throws IoError naming it.
  explicit LineFile(std::filesystem::path path);
  const std::filesystem::path& path() const { return path_; }
  /// The whole lines, each with its line end.
  std::string read() const;
  /// Adds lines that end with '\n', all of them or none. Throws IoError, on a full disk for example; the file is as
  /// before then, and a later call may succeed. On the disk after sync().
  void append(std::string_view lines);
  /// Returns when all that was appended is on the disk. Throws IoError.
  void sync();

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

}  // namespace margay::core
