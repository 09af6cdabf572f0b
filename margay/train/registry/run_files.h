#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/train/registry/run_record.h"

namespace margay::train {

/// The epochs that a run's history.csv lists, up to the first line that is broken; none where there is no such file.
/// The metrics are the columns between valid_loss and seconds.
std::vector<RunEpoch> read_history(const std::filesystem::path& path);

/// run.json in a run's folder: how the run stands, beside config.json (what it was told) and history.csv (what came
/// out). Together they are all of a RunRecord but its id, so an index can be made of the folders at any time.
/// Throws core::IoError.
void write_run_file(const std::filesystem::path& runs, const RunRecord& record);

/// What the folder's files say. Without run.json, as older versions leave a run: it was started when its folder's name
/// says, else when config.json was written; it is done if there is a model, else interrupted. A damaged file is as good
/// as none, and history.csv counts up to its first broken line. Nothing where neither config.json nor run.json is
/// there.
std::optional<RunRecord> read_run_folder(const std::filesystem::path& folder);

/// Whether what read_run_folder says can be kept: run.json or a history is there. Otherwise the run may be about to
/// begin.
bool has_outcome(const std::filesystem::path& folder);

/// Names of the folders below `runs` that are runs, sorted; none where `runs` is not there.
/// Throws core::IoError when it cannot be read.
std::vector<std::string> run_folders(const std::filesystem::path& runs);

}  // namespace margay::train
