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

}  // namespace margay::cli
