#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include <ATen/core/Tensor.h>
#include <sys/stat.h>

namespace margay::model {

/// A regular file that is read into own memory, in the state it had when it was opened. It is not mapped: if another
/// program cuts a mapped file, the next access raises a signal that ends the process, and if one writes into it,
/// numbers change after they have been checked. Replacing the file by rename is harmless.
class FileReader {
 public:
  /// Throws core::DataError for a file that cannot be opened or is not a regular one.
  explicit FileReader(const std::filesystem::path& path);
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader();

  std::size_t size() const { return static_cast<std::size_t>(opened_.st_size); }

  /// Fills `to` with the bytes from `offset` on, which must lie within size(). Throws core::FormatError if the file was
  /// changed since it was opened (by its size and modification time), core::DataError if the disk fails.
  void read(std::span<std::byte> to, std::size_t offset) const;
  /// The first `most` bytes, or all where there are no more: uint8 [N]. Throws as read and check_fits.
  at::Tensor read_first(std::size_t most) const;
  at::Tensor read_all() const { return read_first(size()); }

  /// Throws core::DataError if `count` bytes do not fit into the free memory.
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
