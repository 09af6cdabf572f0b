#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "margay/data/item.h"

namespace margay::data {

/// The first group of an RE2 pattern searched in the file name, as fastai's RegexLabeller:
/// regex_labels(R"((.+)_\d+\.jpg$)") makes "Great_Pyrenees" of "Great_Pyrenees_12.jpg".
/// Throws std::invalid_argument for a pattern that does not compile or has no group.
Labeller regex_labels(const std::string& pattern);

/// The same in the path relative to `root`, with forward slashes: path_regex_labels("^([^/]+)/images/", root).
Labeller path_regex_labels(const std::string& pattern, const std::filesystem::path& root);

/// The name of the folder that holds the image, as fastai's parent_label; of the folder that holds that one for
/// levels 2, and so on. Throws std::invalid_argument unless levels is 1 or more.
Labeller folder_labels(std::int64_t levels = 1);

/// Labels given in code, by the items' paths or by file name.
Labeller labels_from(const std::map<std::string, std::string>& label_of_image);
/// One label for each image. Throws std::invalid_argument if the numbers differ or an image occurs twice.
Labeller labels_from(const PathList& images, const std::vector<std::string>& labels);
/// Any number of labels for each image: Task::kMultiLabel. Throws as labels_from.
Labeller multi_labels_from(const PathList& images, const std::vector<Labels>& labels);

}  // namespace margay::data
