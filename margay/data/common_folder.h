#pragma once

#include <filesystem>

#include "margay/data/dataset.h"
#include "margay/data/image_list.h"
#include "margay/data/item.h"

namespace margay::data {

/// The deepest folder that holds all of the images, for messages about them as a whole. Empty where there is none.
std::filesystem::path common_folder(const PathList& paths);
std::filesystem::path common_folder(const Items& items);
std::filesystem::path common_folder(const Dataset& dataset);

}  // namespace margay::data
