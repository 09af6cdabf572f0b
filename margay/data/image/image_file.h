#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

namespace margay::data {

/// A regular file of at most 4 GiB, open for reading. Anything else is refused: a pipe or a device would keep a loader
/// thread waiting for ever, a sparse file of a terabyte would take the memory. Throws core::DataError.
class ImageFile {
 public:
  explicit ImageFile(const std::filesystem::path& path);
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;
  ~ImageFile();

  std::size_t size() const { return size_; }
  /// The first `most` bytes; all of them where there are no more.
  std::vector<std::uint8_t> read(std::size_t most = std::numeric_limits<std::size_t>::max()) const;

 private:
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  int descriptor_;
  std::size_t size_ = 0;
};

}  // namespace margay::data
