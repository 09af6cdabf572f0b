#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/train/registry/run_record.h"

namespace margay::train {

/// Which run a person means by `text`: a folder's name, an id, a name or a group (the newest of it), or how just one
/// folder or name begins. `records` are oldest first, as RunRegistry::all gives them; `runs` only names the folder
/// in errors. Throws core::DataError: no such run, with the nearest there is, or several that begin so.
const RunRecord& find_run(const std::vector<RunRecord>& records, const std::string& text,
                          const std::filesystem::path& runs);

}  // namespace margay::train
