#pragma once

#include <string>

#include "margay/data/item.h"

namespace margay::data {

/// The first group of an RE2 pattern searched in the file name, as fastai's RegexLabeller:
/// regex_labels(R"((.+)_\d+\.jpg$)") makes "Great_Pyrenees" of "Great_Pyrenees_12.jpg".
/// Throws std::invalid_argument for a pattern that does not compile or has no group.
Labeller regex_labels(const std::string& pattern);

/// The name of the folder that holds the picture, as fastai's parent_label.
Labeller folder_labels();

}  // namespace margay::data
