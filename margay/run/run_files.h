#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/run/run_record.h"

namespace margay::run {

/// The epochs listed in a run's history.csv, up to the first broken line; none if there is no such file. The metrics
/// are the columns between valid_loss and seconds.
std::vector<RunEpoch> read_history(const std::filesystem::path& path);

/// run.json in a run's folder holds the state of the run, beside config.json (its settings) and history.csv (its
/// results). Together they hold everything of a RunRecord except its id, so an index can be made from the folders at
/// any time.
/// Throws core::IoError.
void write_run_file(const std::filesystem::path& runs, const RunRecord& record);

/// Reads the record of a run from the files of its folder. Older versions wrote no run.json: then the start comes from
/// the folder's name, or else from the time of config.json, and the run is done if there is a model, otherwise
/// interrupted. A damaged file is ignored, and history.csv is read up to its first broken line. Returns nothing if
/// there is neither config.json nor run.json.
std::optional<RunRecord> read_run_folder(const std::filesystem::path& folder);

/// Whether the record is final enough to be stored: there is a run.json or a history. Otherwise the run may be about to
/// begin.
bool has_outcome(const std::filesystem::path& folder);

/// The names of the folders below `runs` that are runs, sorted; none if `runs` does not exist.
/// Throws core::IoError when it cannot be read.
std::vector<std::string> run_folders(const std::filesystem::path& runs);

}  // namespace margay::run
