#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/collective/group.h"
#include "margay/train/probe/ridge.h"
#include "margay/train/probe/ridge_groups.h"

namespace margay::train {

/// The targets of a ridge regression: numbers, or classes that stand for ones and zeros.
class RidgeTargets {
 public:
  /// targets: floating [N,K], or int64 [N] with num_classes. Throws std::invalid_argument.
  RidgeTargets(torch::Tensor targets, std::int64_t num_classes);

  std::int64_t size() const { return targets_.size(0); }
  std::int64_t columns() const { return columns_; }
  RidgeTargets column(std::int64_t k) const;
  /// float64 [n,K]. index: int64 [n].
  torch::Tensor read(const torch::Tensor& index) const;

 private:
  torch::Tensor targets_;
  bool is_classes_ = false;
  std::int64_t columns_ = 0;
};

/// What a fit is made of. Rows are read in chunks.
struct RidgeData {
  RidgeRows rows;
  RidgeTargets targets;
  torch::Tensor weights;                                                 ///< float64 [N]
  std::int64_t chunk = 0;                                                ///< images
  std::shared_ptr<collective::Group> group = collective::one_process();  ///< RidgeOptions::group

  /// float64 [n,D]. Throws std::invalid_argument for a row that is not finite, unless rows.are_finite.
  torch::Tensor read(std::span<const std::int64_t> positions) const;
  /// int64: positions of the images that have weight.
  torch::Tensor used() const;
  using Use = std::function<void(const torch::Tensor& rows, const torch::Tensor& index)>;
  void for_each_chunk(std::span<const std::int64_t> positions, const Use& use) const;
};

/// Ridge regression of targets that share their weights: one decomposition, in one of the two forms.
class RidgeFit {
 public:
  virtual ~RidgeFit() = default;
  virtual LinearMap solve(double strength) const = 0;

  /// Receives outputs, float64 [n,K], at the i-th strength.
  using Visit = std::function<void(std::size_t i, const torch::Tensor& outputs)>;
  /// By blocks of the hat matrix, for groups of not more than D images.
  virtual void for_each_left_out(const RidgeGroups& groups, std::span<const double> strengths,
                                 const Visit& visit) const = 0;
  /// The fits without the images at these positions, one a strength.
  virtual std::vector<LinearMap> solve_without(std::span<const std::int64_t> positions,
                                               std::span<const double> strengths) const = 0;
};

std::unique_ptr<RidgeFit> gram_fit(RidgeData data);
/// For not more images with weight than features.
std::unique_ptr<RidgeFit> kernel_fit(RidgeData data);

/// int64 [n]
torch::Tensor index_of(std::span<const std::int64_t> positions);
/// The positions in a contiguous int64 tensor, valid as long as it is.
std::span<const std::int64_t> positions_of(const torch::Tensor& index);
[[noreturn]] void refuse_ridge(const std::string& problem);

}  // namespace margay::train
