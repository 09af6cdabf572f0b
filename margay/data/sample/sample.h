#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "margay/core/image.h"
#include "margay/core/options.h"

namespace margay::data {

/// The size and the seed of a sample.
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
  int drawn = 0;  ///< images drawn by this call; 0 if all were there
};

/// The labels of the sample, sorted.
const std::vector<std::string>& sample_classes();

/// Draws a labelled set of images, to try things out without a download:
/// folder/train/<class>/<class>_0001.jpg …, folder/valid/<class>/…, labels.csv (name, label, is_valid;
/// names relative to the folder) and a README.txt. The classes differ in shape and pattern only; colour, size,
/// position, light and clutter tell nothing. Every image is a function of (seed, class, number).
/// Called again on its own output it draws the missing images. Throws core::DataError when the folder holds anything
/// else, core::IoError when it cannot be written.
SampleSummary draw_sample(const std::filesystem::path& folder, const SampleOptions& options = {});

/// An image of the sample as it was drawn, before its file loses anything, and where its object is.
struct DrawnSample {
  core::Image image;
  core::Image mask;  ///< of the same size: white where the object was drawn, even where clutter covers it; else black
};

/// The image that draw_sample writes as label_NUMBER.jpg. number: from 1, beyond per_class too. Throws
/// std::invalid_argument for a label that is not of sample_classes(), and for other numbers.
DrawnSample draw_sample_image(const std::string& label, int number, std::uint64_t seed = SampleOptions().seed);

}  // namespace margay::data
