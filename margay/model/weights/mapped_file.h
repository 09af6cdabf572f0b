#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace margay::model {

/// The bytes of a file, mapped privately: pages are read when touched, and writing to them changes only this copy.
class MappedFile {
 public:
  /// Throws core::DataError for a file that cannot be opened or is not a regular one.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<std::byte> bytes() const { return {begin_, size_}; }

 private:
  std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace margay::model
