#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace margay::cli {

/// Logits from a file, with the names in it.
struct LogitsTable {
  torch::Tensor logits;                             ///< float64 [N,K], N > 0, K > 0, each finite or -∞
  std::vector<std::string> class_names;             ///< [K]
  std::vector<std::string> row_names;               ///< [N], or empty if the file has no names
  std::optional<std::vector<std::string>> targets;  ///< [N], the column `target` as written
  std::vector<std::size_t> lines;                   ///< [N], the line of each row in the file
};

/// Reads a CSV of one row for each image and one column for each class. The header names the classes; the columns
/// `name` and `target`, if there, name the row and its target. If the first line has only numbers, it is the first row
/// and not a header, unless it is exactly 0,1,…,K-1; the classes are then "0" … "K-1". Throws core::DataError naming
/// file, line and column for a cell that is not a number, is NaN or +∞, for a class that occurs twice, and for a table
/// without rows or classes; core::FormatError for a file that is not a table.
LogitsTable read_logits(const std::filesystem::path& path);

/// The same for text; `path` only names it in errors.
LogitsTable parse_logits(std::string_view text, const std::filesystem::path& path);

/// The targets as written by the user, with their places for error messages.
struct WrittenTargets {
  std::filesystem::path path;       ///< the file; empty for the command line
  std::vector<std::string> cells;   ///< [N]
  std::vector<std::string> places;  ///< [N]: "line 3, column 'target'", "entry 2 of --targets"
};

/// The targets of --targets, a list with commas or a CSV with a column `target`; without it those of the table itself;
/// nothing if there are none. A column `name` in both files must agree. Throws core::DataError or, for a list,
/// std::invalid_argument unless there is one target for each row of the table.
std::optional<WrittenTargets> written_targets(const std::optional<std::string>& flag, const LogitsTable& table,
                                              const std::filesystem::path& table_path);

/// The one target of --label.
WrittenTargets written_label(const std::string& label);

// A class is given by its name or, if no class has that name, by its index. Errors are core::DataError for a file and
// std::invalid_argument for the command line, with the place and the nearest class.

/// int64 [N]; -1 where nothing is written.
torch::Tensor class_targets(const WrittenTargets& written, const std::vector<std::string>& class_names);

/// bool [N,K]; several classes are separated by ';', and an empty cell means none of them.
torch::Tensor multi_label_targets(const WrittenTargets& written, const std::vector<std::string>& class_names);

/// The one class that a flag names.
std::int64_t named_class(const std::string& flag, const std::string& name, const std::vector<std::string>& class_names);

}  // namespace margay::cli
