#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "margay/core/options.h"

namespace margay::data {

/// How large a sample to draw, and which one.
struct SampleOptions {
  int per_class = 60;           ///< images of each class, train and valid together
  double valid_fraction = 0.2;  ///< share of them that goes to valid, rounded
  std::uint64_t seed = 1;       ///< another seed draws other images

  static const core::OptionTable& fields();
};

/// What a sample folder holds.
struct SampleSummary {
  int classes = 0;
  int train = 0;
  int valid = 0;
  int drawn = 0;  ///< images this call had to draw; 0 when all were there
};

/// The labels of the sample, sorted.
const std::vector<std::string>& sample_classes();

/// Draws a labelled set of images, for trying things out without a download:
/// folder/train/<class>/<class>_0001.jpg …, folder/valid/<class>/…, labels.csv (name, label, is_valid;
/// names relative to the folder) and a README.txt. The classes differ in shape and pattern alone; colour,
/// size, place, light and clutter tell nothing. Every image is a function of (seed, class, number).
/// Called again over its own output it draws what is missing. Throws core::DataError when the folder
/// holds anything else, core::IoError when it cannot be written.
SampleSummary draw_sample(const std::filesystem::path& folder, const SampleOptions& options = {});

}  // namespace margay::data
