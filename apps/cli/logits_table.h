#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace margay::cli {

/// Activations that somebody computed, and what the file says of them.
struct LogitsTable {
  torch::Tensor logits;                             ///< float64 [N,K], N > 0, K > 0, each finite or -∞
  std::vector<std::string> class_names;             ///< [K]
  std::vector<std::string> row_names;               ///< [N], or empty where the file names none
  std::optional<std::vector<std::string>> targets;  ///< [N], the column `target` as it is written
  std::vector<std::size_t> lines;                   ///< [N], where each row stands in the file
};

/// Reads a CSV of one row for each image and one column for each class. The header names the classes; the columns
/// `name` and `target`, if there, name the row and its target. A first line of numbers alone is no header but the first
/// row, and the classes are "0" … "K-1", unless it is exactly 0,1,…,K-1.
/// Throws core::DataError naming file, line and column for what is no number, NaN or +∞, for a class that stands twice,
/// and for a table without rows or classes; core::FormatError for what is no table.
LogitsTable read_logits(const std::filesystem::path& path);

/// The same of text; `path` only names it in errors.
LogitsTable parse_logits(std::string_view text, const std::filesystem::path& path);

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
