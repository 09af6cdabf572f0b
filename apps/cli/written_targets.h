#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "apps/cli/logits_table.h"

namespace margay::cli {

/// The targets as somebody wrote them, and where, so that a slip can be pointed at.
struct WrittenTargets {
  std::filesystem::path path;       ///< the file; empty for the command line
  std::vector<std::string> cells;   ///< [N]
  std::vector<std::string> places;  ///< [N]: "line 3, column 'target'", "entry 2 of --targets"
};

/// Those of --targets, which is a list with commas or a CSV with a column `target`, or, without it, those of the table
/// itself; nothing where neither is there. A column `name` in both files must agree.
/// Throws core::DataError or, for a list, std::invalid_argument unless there is one for each row of the table.
std::optional<WrittenTargets> written_targets(const std::optional<std::string>& flag, const LogitsTable& table,
                                              const std::filesystem::path& table_path);

/// The one target of --label.
WrittenTargets written_label(const std::string& label);

// A class is written as its name or, if no class is called so, as its index. What is wrong is thrown as
// core::DataError for a file and as std::invalid_argument for the command line, with the place and the nearest class.

/// int64 [N]; -1 where nothing is written.
torch::Tensor class_targets(const WrittenTargets& written, const std::vector<std::string>& class_names);

/// bool [N,K]; several classes are separated by ';', and nothing written means none of them.
torch::Tensor multi_label_targets(const WrittenTargets& written, const std::vector<std::string>& class_names);

}  // namespace margay::cli
