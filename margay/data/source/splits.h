#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "margay/core/options.h"
#include "margay/data/item.h"
#include "margay/data/source/root.h"

namespace margay::data {

struct RandomSplitOptions {
  double valid_fraction = 0.2;
  std::uint64_t seed = 42;

  static const core::OptionTable& fields();
};

/// A random share validates: the very images that fastai's RandomSplitter takes for the same seed and order.
Splitter random_split(RandomSplitOptions options = {});

/// Every image trains.
Splitter no_split();

/// Images below a folder called `train` train, those below `valid` validate, as fastai's GrandparentSplitter,
/// at any depth below `root`; the outermost such folder decides. Those below `test` are left out. The splitter throws
/// core::DataError for images below none of them.
Splitter folder_split(const std::filesystem::path& root, const std::string& train = "train",
                      const std::string& valid = "valid");

/// Whether the outermost of the folders train, valid, val and test on the way from the root to the image is test.
bool is_below_test(const Root& root, std::string_view image);

/// The images that a text file lists validate, as fastai's FileSplitter: a name on each line, relative to `root` or
/// just the file name, with or without extension; empty lines are skipped. Throws core::DataError for a missing file.
/// The splitter throws it for names that are not among the items and for a name that two images have.
Splitter file_list_split(const std::filesystem::path& list, const std::filesystem::path& root);

}  // namespace margay::data
