#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace margay::model {

/// The bytes of a pickle, read from the front; none behind the end.
class PickleBytesReader {
 public:
  /// path: the file, for messages. offset: where in the file the bytes begin.
  PickleBytesReader(std::span<const std::byte> bytes, const std::filesystem::path& path, std::size_t offset = 0)
      : bytes_(bytes), path_(path), offset_(offset) {}

  std::size_t position() const { return position_; }

  /// A number of 1 to 8 bytes, little-endian.
  std::uint64_t number(std::size_t bytes);
  /// As Python's BINFLOAT: 8 bytes, the highest first.
  double fraction();
  /// So many bytes; the length is checked against what is left before anything is made.
  std::string text(std::uint64_t length);
  /// Up to the next line break, which is passed.
  std::string line();

  /// Throws core::FormatError naming the file, the byte where the latest step began, and the problem.
  [[noreturn]] void fail(const std::string& problem) const;
  /// From here on messages name this place.
  void begin_step() { step_ = position_; }

 private:
  std::span<const std::byte> take(std::uint64_t length);

  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
  std::size_t offset_;
  std::size_t position_ = 0;
  std::size_t step_ = 0;
};

}  // namespace margay::model
