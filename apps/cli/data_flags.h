#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>

#include "margay/core/options.h"
#include "margay/data/data_block.h"

namespace margay::cli {

/// How a folder of pictures becomes labelled training and validation sets.
struct DataOptions {
  std::string label_regex;
  std::filesystem::path labels_csv;
  std::filesystem::path valid_csv;
  std::optional<double> valid_fraction;
  std::uint64_t split_seed = 42;

  static constexpr const char* kName = "data";
  static constexpr auto fields() {
    return std::tuple{
        core::field("label_regex", &DataOptions::label_regex,
                    "the label is the first group of this pattern (RE2) in the file name; without it, and without "
                    "--labels-csv, the label is the folder's name"),
        core::field("labels_csv", &DataOptions::labels_csv,
                    "table with columns name and label; an is_valid column, if any, splits"),
        core::field("valid_csv", &DataOptions::valid_csv, "table with columns name and is_valid that splits"),
        core::field("valid_fraction", &DataOptions::valid_fraction,
                    "share drawn for validation, 0.2 if nothing else splits (train/ and valid/ folders do)", {0, 0.99}),
        core::field("split_seed", &DataOptions::split_seed, "seed of that draw")};
  }
};

/// Labels and split are stated, not transforms. Throws std::invalid_argument for options that exclude each other
/// and what data::DataBlock's parts throw.
data::DataBlock make_block(const std::filesystem::path& folder, const DataOptions& options);

}  // namespace margay::cli
