#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <torch/types.h>

#include "margay/data/item.h"
#include "margay/train/probe/output_scale.h"

namespace margay::train {

/// One tried strength. The values are of the images that choose (all, or as many as suffice: see fit_probe).
struct TriedStrength {
  double strength = 0;
  double loss = 0;   ///< at its own temperature; with class weights, if any
  double error = 0;  ///< as ProbeScore's, with class weights, if any
};

/// Receives the outputs, float [R,K], at the i-th of the strengths that were asked for.
using OutputVisit = std::function<void(std::size_t i, const torch::Tensor& outputs)>;

/// The images that choose, and what fits of each strength say of them without having seen them.
struct ChoiceRows {
  torch::Tensor targets;  ///< int64 [R]; float [R,K] for several labels
  torch::Tensor weights;  ///< float64 [R]
  torch::Tensor groups;   ///< int64 [R]
  torch::Tensor folds;    ///< int64 [R], 0 … num_folds-1
  std::int64_t num_folds = 0;
  data::Task task = data::Task::kSingleLabel;
  /// Calls `visit` for each of the strengths, in order.
  std::function<void(const std::vector<double>& strengths, const OutputVisit& visit)> for_each_output;
};

struct ChosenStrength {
  double strength = 0;
  OutputScale scale;
};

/// What all rows choose, and what those outside of each fold choose.
struct StrengthChoice {
  ChosenStrength all;
  std::vector<ChosenStrength> without_fold;  ///< [num_folds]
  std::vector<TriedStrength> tried;          ///< by all rows, in growing order
};

/// Where strengths are searched: in eighths of a decade, counted from 1.
struct StrengthGrid {
  int low = -32;  ///< 1e-4
  int high = 24;  ///< 1e3
  int step = 4;   ///< half a decade
  /// How far the search goes on, a decade at a time, while the best is the last.
  int lowest = -72;  ///< 1e-9
  int highest = 72;
  /// Whether the eighths of a decade around the best are tried, too.
  bool is_refined = true;
};

/// For a fit to so many images. It ends at ten times their number: all directions are shrunk tenfold or more there, in
/// nearly the same proportion, and a stronger penalty only makes the map smaller, which the temperature undoes.
StrengthGrid strength_grid(std::int64_t images);

/// The strength with the lowest loss at its own temperature; of those whose losses differ by less than 1e-7 nats the
/// largest. Every chooser searches for itself, with its own rows alone. fixed: the only strength. Throws
/// std::invalid_argument where a fold has all the weight.
StrengthChoice choose_strength(const ChoiceRows& rows, const std::optional<double>& fixed = std::nullopt,
                               const StrengthGrid& grid = {});

}  // namespace margay::train
