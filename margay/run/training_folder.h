#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/run/training_memory.h"

namespace margay::run {

/// What a folder has of the images of a model's training.
struct TrainingFolder {
  /// Whether it is the training's folder, a part of it, or one that holds it: it has images of the same names with, as
  /// far as a sample tells, the same contents.
  bool is_trainings = false;
  /// Images that bear names of the training's with other contents, where it is not.
  std::size_t same_names = 0;
  /// Of each image, in the order given; all kNone where it is not the training's folder. Where no name tells, the
  /// contents do.
  std::vector<data::TrainingPart> parts;

  std::size_t count(data::TrainingPart part) const;
};

/// images: paths below the folder. Reads some of the images whose names are known, and all of the training's folder
/// whose names are not.
TrainingFolder find_training_images(const data::PathList& images, const std::filesystem::path& folder,
                                    const TrainingMemory& memory);

}  // namespace margay::run
