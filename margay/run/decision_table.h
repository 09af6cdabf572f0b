#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/run/review.h"

namespace margay::run {

/// A row of a table of decisions.
struct TableDecision {
  std::size_t line = 0;   ///< in its file, from 1
  std::size_t image = 0;  ///< position in the reviewed data
  ReviewChoice choice = {};
  std::optional<std::size_t> other;  ///< kNotDuplicate
};

/// What becomes of labels that are no classes.
enum class NewClasses { kRefuse, kMake };

/// Reads decisions that a script or a person has written: columns image (as `name` of the review's list), action (keep,
/// relabel, delete, not_duplicate, skip), label (of relabel; several are joined by ';') and other (of not_duplicate:
/// the other image). CSV, TSV or JSON lines. Every row is checked before any is returned. Throws core::DataError naming
/// the first ten lines that are wrong: an image that is unknown or stands twice, an action or a class that does not
/// exist, a label that is missing or has no use.
std::vector<TableDecision> read_decisions(const std::filesystem::path& file, const Review& review,
                                          NewClasses new_classes = NewClasses::kRefuse);

/// Makes those that do not hold already; returns how many. Throws as Review::decide; those before it hold then.
std::size_t apply_decisions(const std::vector<TableDecision>& decisions, Review& review);

}  // namespace margay::run
