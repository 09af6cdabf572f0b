#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "margay/data/item.h"
#include "margay/run/data_options.h"

namespace margay::run {

/// The labels of an image and where they come from.
struct LabelOrigin {
  std::optional<data::Labels> labels;  ///< nothing where none is found
  std::string words;  ///< a sentence: "The pattern '(.+)_\d+\.jpg$' finds 'pug' in the name 'pug_1.jpg'."
};

/// Labels one image in the way of a training. options: those of the training, with its tables where they now lie.
/// folder: of the training's images, needed for tables and for patterns of paths; "" where it is not known, and the
/// words then ask for it (`data`). Throws as make_block for a table that cannot be read.
LabelOrigin label_origin(const std::filesystem::path& image, const DataOptions& options,
                         const std::filesystem::path& folder);

}  // namespace margay::run
