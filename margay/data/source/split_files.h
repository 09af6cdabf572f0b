#pragma once

#include <filesystem>
#include <string>

#include "margay/data/image_list.h"

namespace margay::data {

/// Why a split of `folder` should not be drawn unasked: a file directly in it, or in one of the folders without images
/// (as ImageSearch::empty_folders), seems to hold one. A table with a column of names and one of the split; lists such
/// as train.txt and test.txt; a name such as train_test_split.txt. Names the file and the options that decide; "" where
/// there is none. Reads no more than the first lines of tables.
std::string problem_of_split_files(const std::filesystem::path& folder, const PathList& empty_folders);

}  // namespace margay::data
