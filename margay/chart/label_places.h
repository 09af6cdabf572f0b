#pragma once

#include <vector>

#include "margay/chart/plot_frame.h"

namespace margay::chart {

/// A point that wants a label of this size beside it, pixels.
struct LabelWish {
  PlotPoint at;
  double width = 0;
  double height = 0;
};

/// Boxes for the labels, in their order: near their points, within the bounds, apart from each other and from every
/// point that has a label, and beside the curves rather than on them. Greedy: each takes the best place that is left.
std::vector<PlotBox> label_places(const std::vector<LabelWish>& wishes, const std::vector<PlotRun>& curves,
                                  const PlotBox& bounds);

}  // namespace margay::chart
