#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::interpret {

/// int64 of the same shape: the bin of each probability among bins of equal width, (b / bins, (b + 1) / bins]; 0 is in
/// the first.
torch::Tensor equal_width_bins(const torch::Tensor& probabilities, std::int64_t bins);

/// int64 [M]: the bin of each value among bins of about equally many values; equal values share one. values: float64
/// [M].
torch::Tensor equal_mass_bins(const torch::Tensor& values, std::int64_t bins);

/// An expected calibration error, gathered part by part: of the images as they are, of bootstrap replicates, and of
/// simulated hits. The error is Σ_cells |Σ_cases (hit - probability)| / cases. Cells are bins, or the bins of each
/// class (then cases are those of all classes, which gives the mean of the classes' errors).
class BinnedError {
 public:
  /// classes: 1 where cases of all classes share the bins.
  BinnedError(std::int64_t bins, std::int64_t classes, std::int64_t replicates, std::int64_t simulations);

  /// probabilities, hits: float64 [n,C]; bins: int64 [n,C]; counts: float [n,R], how often each image is in a
  /// replicate. C is `classes`, or any number for 1.
  void add(const torch::Tensor& probabilities, const torch::Tensor& hits, const torch::Tensor& bins,
           const torch::Tensor& counts);

  /// Counts a hit of a simulation. Several threads may do so for different simulations.
  void add_simulated_hit(std::int64_t simulation, std::int64_t bin, std::int64_t of_class) {
    ++simulated_[static_cast<std::size_t>(simulation * cells_ + bin * classes_ + of_class)];
  }

  double error() const;
  std::vector<double> replicated() const;  ///< [R]
  std::vector<double> simulated() const;   ///< [S]

 private:
  void add_replicates(const torch::Tensor& gaps, const torch::Tensor& bins, const torch::Tensor& counts);

  std::int64_t bins_;
  std::int64_t classes_;
  std::int64_t cells_;
  std::int64_t simulations_;
  double cases_ = 0;
  torch::Tensor expected_;               // float64 [cells], Σ probability
  torch::Tensor gaps_;                   // float64 [cells], Σ (hit - probability)
  torch::Tensor replicate_gaps_;         // float [cells,R]
  torch::Tensor replicate_cases_;        // float64 [R]
  std::vector<std::int32_t> simulated_;  // [S][cells], hits
};

}  // namespace margay::interpret
