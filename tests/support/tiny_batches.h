#pragma once

#include <filesystem>

#include "margay/run/train_options.h"
#include "tests/support/tiny_images.h"

namespace margay::testing_support {

/// Writes six images to train and two to validate of each class, and makes `batch` read them at the smallest sizes,
/// four at a time.
inline void use_tiny_images(run::BatchOptions& batch, const std::filesystem::path& folder) {
  write_tiny_images(folder, 6, 2);
  batch.folder = folder;
  batch.transforms.resize.size = 24;
  batch.transforms.augment.size = 16;
  batch.loader.batch_size = 4;
  batch.loader.num_workers = 1;
}

}  // namespace margay::testing_support
