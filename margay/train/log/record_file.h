#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace margay::train {

/// A file that grows by whole records. Each is handed to the system at once (one write, no buffer of ours), so what a
/// killed process has logged is there. A record that does not fit on the disk leaves the file as it was.
class RecordFile {
 public:
  /// Opens or makes `path` and cuts it to `kept_bytes`; a shorter file stays as long as it is. Throws core::IoError.
  RecordFile(const std::filesystem::path& path, std::uint64_t kept_bytes);
  /// A new file, or nothing where one has this name. Throws core::IoError.
  static std::optional<RecordFile> create(const std::filesystem::path& path);

  RecordFile(RecordFile&& other) noexcept;
  RecordFile& operator=(RecordFile&& other) noexcept;
  ~RecordFile();

  /// Throws core::IoError; the file then ends with the record before, and may be appended to again.
  void append(std::string_view record);
  std::uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  RecordFile(std::filesystem::path path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace margay::train
