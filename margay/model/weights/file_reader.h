#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include <ATen/core/Tensor.h>
#include <sys/stat.h>

namespace margay::model {

/// A regular file that is read into memory of our own, and all of it in one state: as it was when it was opened. It is
/// not mapped: where another program cuts a mapped file, the next look at it is a signal that ends the process, and
/// where one writes into it, numbers change behind the checks. Replacing the file by rename is harmless.
class FileReader {
 public:
  /// Throws core::DataError for a file that cannot be opened or is not a regular one.
  explicit FileReader(const std::filesystem::path& path);
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader();

  std::size_t size() const { return static_cast<std::size_t>(opened_.st_size); }

  /// Fills `to` with the bytes from `offset` on; they must lie within size(). Throws core::FormatError if the file was
  /// written since it was opened (told by its size and the time of its last change), core::DataError if the disk fails.
  void read(std::span<std::byte> to, std::size_t offset) const;
  /// The first `most` bytes, or all where there are no more: uint8 [N]. Throws as read and check_fits.
  at::Tensor read_first(std::size_t most) const;
  at::Tensor read_all() const { return read_first(size()); }

  /// Throws core::DataError if so many of its bytes do not fit into the free memory.
  void check_fits(std::size_t count) const;

 private:
  void check_unchanged() const;

  std::filesystem::path path_;
  int descriptor_;
  struct stat opened_ {};
};

/// The bytes of a dense tensor on the CPU, to be read or written.
std::span<std::byte> bytes_of(const at::Tensor& tensor);

}  // namespace margay::model
