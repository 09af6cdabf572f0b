#pragma once

#include <torch/types.h>

#include "margay/data/item.h"

namespace margay::train {

/// Turns the outputs of a regression on 0 and 1 into logits: scale · output + offset.
struct OutputScale {
  torch::Tensor scale;   ///< float64 [1], or [K] for several labels; not negative
  torch::Tensor offset;  ///< float64, the same shape; 0 for a single label

  /// outputs: floating [N,K]. Result: float [N,K].
  torch::Tensor logits(const torch::Tensor& outputs) const;
};

/// What a scale is fitted to.
struct ScaleRows {
  torch::Tensor outputs;  ///< float [N,K], of images that the regression did not see
  torch::Tensor targets;  ///< int64 [N]; float [N,K] for several labels
  torch::Tensor weights;  ///< float64 [N], not negative; 0: the image is not used
  /// How many independent observations the weights' sum stands for: the number of groups.
  double observations = 0;
};

/// Single label: the temperature of metric::fit_temperature. Left-out outputs of features without information are
/// negatively related to the targets; its scale is never negative.
///
/// Several labels: Platt's sigmoid for each ("Probabilistic outputs for support vector machines", 1999), with his
/// targets (N₊ + 1) / (N₊ + 2) and 1 / (N₋ + 2), by Newton's method with backtracking (Lin, Lin, Weng, "A note on
/// Platt's probabilistic outputs", 2007). Counts are of observations, not of images. A label whose scale would be
/// negative gets scale 0 and the smoothed share of its ones.
///
/// start: where the search begins, such as the scale of similar outputs. Throws std::invalid_argument for shapes that
/// do not fit and for weights that are all 0.
OutputScale fit_output_scale(const ScaleRows& rows, data::Task task, const OutputScale* start = nullptr);

}  // namespace margay::train
