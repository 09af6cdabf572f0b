#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "margay/data/image/read_image.h"

namespace margay::data {

/// Where an encoded image comes from: a file, or bytes in memory, such as an upload, with a name for messages. A value;
/// copies share the bytes.
class ImageSource {
 public:
  using Bytes = std::shared_ptr<const std::vector<std::uint8_t>>;

  ImageSource(std::filesystem::path path) : name_(std::move(path)) {}  // NOLINT: converts on purpose
  /// bytes: those of a file in any format that read_image knows; whether they are is told by decoding. Throws
  /// std::invalid_argument for a name that is empty.
  ImageSource(std::vector<std::uint8_t> bytes, const std::string& name);
  /// bytes: those of another source, which are shared; null for a file.
  ImageSource(std::filesystem::path name, Bytes bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  bool is_file() const { return bytes_ == nullptr; }
  /// The file's path, or the name given.
  const std::filesystem::path& name() const { return name_; }
  /// Null for a file.
  const Bytes& bytes() const { return bytes_; }

  /// The bytes given, or the file's. Throws core::DataError as ImageFile.
  Bytes read() const;

 private:
  std::filesystem::path name_;
  Bytes bytes_;
};

/// As read_image, hold_image and read_size of a path: the same limits, and the same errors under the source's name.
core::Image read_image(const ImageSource& source, const ReadOptions& options = {});
HeldImage hold_image(const ImageSource& source, const ReadOptions& options = {});
ImageSize read_size(const ImageSource& source);

}  // namespace margay::data
