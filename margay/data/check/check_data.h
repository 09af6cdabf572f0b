#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/data/check/finding.h"
#include "margay/data/data_block.h"
#include "margay/data/image/read_image.h"

namespace margay::data {

/// Called with how many of the images have been read.
using CheckProgress = std::function<void(std::size_t done, std::size_t total)>;

struct ClassCount {
  std::string name;
  std::size_t images = 0;
  std::size_t train = 0;
  std::size_t valid = 0;
};

/// What a check of the data found.
struct DataReport {
  std::filesystem::path folder;
  std::size_t images = 0;
  std::size_t readable = 0;
  std::size_t train = 0;
  std::size_t valid = 0;
  std::vector<ClassCount> classes;    ///< by name
  std::vector<std::string> left_out;  ///< what is not among the images, in sentences
  std::vector<Finding> findings;      ///< by kind, then in the order of the images

  std::size_t count(FindingKind kind) const;
  std::size_t count(Severity severity) const;
};

/// The limits that a check of the data uses.
struct CheckOptions {
  bool near_duplicates = false;   ///< also look for images that look alike, not only for equal ones
  int near_bits = 10;             ///< hashes of 64 bits that differ in at most so many are compared closely
  double near_correlation = 0.8;  ///< images look alike if their details correlate at least so much
  std::optional<int> min_side;    ///< pixels; by default 32, or half of the median shorter side if that is less
  double max_megapixels = 50;
  double max_aspect = 4;                               ///< longer side / shorter side
  int min_per_class = 10;                              ///< images
  double max_imbalance = 10;                           ///< images of the largest class / of the smallest
  std::int64_t max_pixels = ReadOptions().max_pixels;  ///< an image that claims more is not decoded
  int deep_bits = ReadOptions().deep_bits;             ///< as in training (Transforms)
  std::optional<int> threads;                          ///< by default one for each CPU

  static const core::OptionTable& fields();
};

/// Checks the data for what would harm training: reads and decodes every image once, labels and splits the images, and
/// compares them. folder: where to look for other files; "" to skip that. The report is the same for any number of
/// threads. on_progress is called from the calling thread; what it throws ends the check and is passed on.
/// Faults of the data and the block's warnings become findings. Throws std::invalid_argument where the block lacks
/// items, labels or split, and for options out of range.
DataReport check_data(const DataBlock& block, const std::filesystem::path& folder, const CheckOptions& options = {},
                      const CheckProgress& on_progress = {});

}  // namespace margay::data
