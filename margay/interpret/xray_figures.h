#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "margay/interpret/xray.h"

namespace margay::interpret {

/// A point on the curve of -log p, given by its height.
struct CurvePoint {
  enum class Kind {
    kPicked,  ///< the loss: large, with lines to both axes and its numbers
    kAfter,   ///< the loss after a step: hollow, joined to the picked one along the curve
    kOther    ///< small, with its name as a tooltip
  };
  Kind kind = Kind::kOther;
  double loss = 0;   ///< -log p, 0 … ∞; values beyond the drawing are drawn at its upper edge
  std::string name;  ///< the tooltip; any text
};

/// The curve of -log p over p = 0 … 1 with the points on it, as an inline SVG element. The page gives its colours, by
/// the classes `axis`, `grid`, `curve`, `moved`, `guide`, `picked`, `after`, `other`.
std::string nll_curve_svg(const std::vector<CurvePoint>& points);

/// The <table> of a row for the page: the classes that are shown, one line each, with bars.
std::string html_table(const SoftmaxRow& row, const std::vector<std::size_t>& shown);
std::string html_table(const SigmoidRow& row, const std::vector<std::size_t>& shown);

/// A bar of `fraction`, 0 … 1, of its cell.
std::string html_bar(double fraction);

}  // namespace margay::interpret
