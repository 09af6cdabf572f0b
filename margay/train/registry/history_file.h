#pragma once

#include <filesystem>
#include <vector>

#include "margay/train/registry/run_record.h"

namespace margay::train {

/// The epochs that a run's history.csv lists, up to the first line that is broken; none where there is no such file.
/// The metrics are the columns between valid_loss and seconds.
std::vector<RunEpoch> read_history(const std::filesystem::path& path);

}  // namespace margay::train
