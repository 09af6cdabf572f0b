#include "margay/interpret/most_confused.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/metric/p_value.h"

namespace margay::interpret {
namespace {

/// The errors of one row, and where they would go by chance.
struct RowErrors {
  std::int64_t errors = 0;         ///< that went to other classes
  std::int64_t elsewhere = 0;      ///< predictions for other classes, of all images
  std::int64_t other_columns = 0;  ///< that have any
};

RowErrors row_errors(const ConfusionMatrix& matrix, std::int64_t actual, std::int64_t predictions,
                     std::int64_t columns) {
  const std::int64_t own_column = matrix.column_total(actual);
  return {.errors = matrix.row_total(actual) - matrix.count(actual, actual) - matrix.refused(actual),
          .elsewhere = predictions - own_column,
          .other_columns = columns - (own_column > 0 ? 1 : 0)};
}

ConfusedPair judged_pair(const ConfusionMatrix& matrix, const ConfusionMatrix::Cell& cell, const RowErrors& row,
                         double confidence) {
  const auto images = static_cast<double>(matrix.row_total(cell.actual));
  const auto count = static_cast<double>(cell.count);
  const double by_chance =
      static_cast<double>(matrix.column_total(cell.predicted)) / static_cast<double>(row.elsewhere);
  return {.actual = cell.actual,
          .predicted = cell.predicted,
          .count = cell.count,
          .share = {count / images, metric::wilson_interval(count, images, confidence)},
          .expected = by_chance * static_cast<double>(row.errors),
          .p_value = metric::binomial_at_least(cell.count, row.errors, by_chance)};
}

void correct_for_many(std::vector<ConfusedPair>& pairs, std::int64_t tests) {
  std::vector<double> p_values;
  for (const ConfusedPair& pair : pairs) p_values.push_back(pair.p_value);
  const std::vector<double> adjusted = metric::holm_adjusted(p_values, tests);
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i].p_holm = adjusted[i];
}

}  // namespace

std::vector<ConfusedPair> most_confused(const ConfusionMatrix& matrix, std::int64_t min_count, double confidence) {
  if (min_count < 1) {
    throw std::invalid_argument(fmt::format("[most_confused] min_count must be 1 at least, got {}", min_count));
  }
  std::int64_t predictions = 0;
  std::int64_t columns = 0;
  for (std::int64_t k = 0; k < matrix.num_classes(); ++k) {
    predictions += matrix.column_total(k);
    columns += matrix.column_total(k) > 0 ? 1 : 0;
  }
  std::vector<ConfusedPair> pairs;
  std::int64_t tests = 0;
  for (std::int64_t actual = 0; actual < matrix.num_classes(); ++actual) {
    const RowErrors row = row_errors(matrix, actual, predictions, columns);
    if (row.errors == 0) continue;
    tests += row.other_columns;
    for (const ConfusionMatrix::Cell& cell : matrix.row(actual)) {
      if (cell.predicted != cell.actual) pairs.push_back(judged_pair(matrix, cell, row, confidence));
    }
  }
  correct_for_many(pairs, tests);
  std::erase_if(pairs, [&](const ConfusedPair& pair) { return pair.count < min_count; });
  std::stable_sort(pairs.begin(), pairs.end(), [](const ConfusedPair& a, const ConfusedPair& b) {
    return a.count != b.count ? a.count > b.count : a.p_value < b.p_value;
  });
  return pairs;
}

}  // namespace margay::interpret
