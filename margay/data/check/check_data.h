#pragma once

#include <filesystem>

#include "margay/data/check/check_options.h"
#include "margay/data/check/data_report.h"
#include "margay/data/data_block.h"

namespace margay::data {

/// Looks for what would spoil a training: reads and decodes every image once, labels and splits, and compares.
/// folder: where to look for files besides the images; "" for nowhere. The report is the same for any number of
/// threads. on_progress is called from the calling thread; what it throws ends the check and is passed on.
/// The data's faults are findings, and so are the block's warnings. Throws std::invalid_argument where the block lacks
/// items, labels or split, and for options out of range.
DataReport check_data(const DataBlock& block, const std::filesystem::path& folder, const CheckOptions& options = {},
                      const CheckProgress& on_progress = {});

}  // namespace margay::data
