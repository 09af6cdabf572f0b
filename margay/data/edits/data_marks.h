#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "margay/data/image_list.h"

namespace margay::data {

/// Facts that tell one dataset from another wherever its folder lies: how many images, and a fixed choice of at most 64
/// of them by the hashes of their file names and sizes.
struct DataMarks {
  std::size_t images = 0;
  std::vector<std::uint64_t> marks;

  /// Asks the file system for the size of every image.
  static DataMarks of(const ImageList& images);
  /// How many of the chosen images are among these, by file name and size.
  std::size_t count_in(const ImageList& others) const;
};

}  // namespace margay::data
