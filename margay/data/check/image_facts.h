#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "margay/data/check/check_data.h"
#include "margay/data/check/fingerprint.h"
#include "margay/data/image/image_format.h"
#include "margay/data/item.h"

namespace margay::data {

enum class Readability { kReadable, kEmptyFile, kTruncated, kUnreadable, kAbsent };

/// What was learned from reading an image file once. Only `readability` and `problem` are valid if it is not readable.
struct ImageFacts {
  Readability readability = Readability::kReadable;
  std::string problem;
  ImageFormat format = ImageFormat::kUnknown;
  int height = 0;
  int width = 0;
  std::uint64_t file_hash = 0;   ///< of the bytes; valid in this process only
  std::uint64_t pixel_hash = 0;  ///< of size and pixels, upright
  bool is_grey = false;
  bool is_uniform = false;
  std::unique_ptr<const Fingerprint> fingerprint;  ///< present if near duplicates are searched

  bool is_readable() const { return readability == Readability::kReadable; }
  int shorter_side() const { return height < width ? height : width; }
  int longer_side() const { return height < width ? width : height; }
};

/// Reads and decodes one image. Faults of the file do not throw.
ImageFacts facts_of(const std::filesystem::path& path, const CheckOptions& options);

/// The facts of all images, in their order, computed by several threads, each of which holds one decoded image.
/// on_progress is called from the calling thread; an exception from it ends the work and is passed on.
std::vector<ImageFacts> facts_of_all(const PathList& paths, const CheckOptions& options,
                                     const CheckProgress& on_progress);

}  // namespace margay::data
