#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace margay::interpret {

/// A batch in one line.
struct XraySummary {
  std::size_t rows = 0;       ///< rows with a known target; the others have no loss
  double mean_loss = 0;       ///< over those rows; +∞ when one of them is
  std::string heaviest_row;   ///< the row of the largest loss, the first of equals
  double heaviest_share = 0;  ///< its loss by the sum of all, 0 … 1
};

/// A row's name and loss.
struct RowLoss {
  std::string name;
  double loss;
};

/// Nothing for no losses.
std::optional<XraySummary> summarize(const std::vector<RowLoss>& losses);

/// part / whole of two losses in [0, ∞]: 0 of nothing, and 1 where both are infinite.
double share_of(double part, double whole);

/// Each loss by the sum of all, 0 … 1, also where the sum overflows: 0 each where all are 0, and infinite ones share it
/// among themselves. losses: in [0, ∞].
std::vector<double> shares_of(const std::vector<double>& losses);

}  // namespace margay::interpret
