#pragma once

#include <cstdint>
#include <vector>

#include "margay/data/source/balanced_splits.h"

namespace margay::data {

/// Items of one part validate, the others train, both in the order of the items. part: by item.
Split split_by_parts(const std::vector<std::uint32_t>& part, std::uint32_t valid);

/// Throws std::invalid_argument.
void check_folds(const FoldOptions& options);

/// Throws core::DataError when there are fewer than folds. what: "images", "groups".
void check_enough(const Items& items, std::size_t count, const char* what, const FoldOptions& options);

}  // namespace margay::data
