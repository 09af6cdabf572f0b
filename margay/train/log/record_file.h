#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "margay/core/descriptor.h"

namespace margay::train {

/// A file that grows by whole records. Each is written at once (one system call, without a buffer), so records of a
/// killed process are not lost. A record that does not fit on the disk leaves the file unchanged.
class RecordFile {
 public:
  /// Opens or creates `path` and cuts it to `kept_bytes`; a shorter file keeps its length. Throws core::IoError.
  RecordFile(const std::filesystem::path& path, std::uint64_t kept_bytes);
  /// Creates a new file, or returns nothing if one has this name. Throws core::IoError.
  static std::optional<RecordFile> create(const std::filesystem::path& path);

  /// Appends a record. Throws core::IoError; the file then ends with the previous record, and more may be appended.
  void append(std::string_view record);
  std::uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  RecordFile(std::filesystem::path path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

  std::filesystem::path path_;
  core::Descriptor descriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace margay::train
