#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "margay/collective/group.h"
#include "margay/train/probe/probe_rows.h"
#include "margay/train/probe/ridge.h"
#include "margay/train/probe/strength_choice.h"

namespace margay::train {

/// The ridge regression of a probe's rows. Strengths are those for features whose mean norm is 1. Features are not
/// copied for that: |y - B x / s|² + λ |B|² has the same outputs as |y - C x|² + λ s² |C|² with C = B / s.
class ProbeFit {
 public:
  /// feature_norm: s, that of the whole training set also for a part of it. group: RidgeOptions::group.
  ProbeFit(ProbeRows rows, double feature_norm, std::shared_ptr<collective::Group> group = collective::one_process());

  const ProbeRows& rows() const { return rows_; }
  LinearMap solve(double strength) const { return ridge_.solve(ridge_strength(strength)); }

  /// Calls `visit` with the outputs of the images at `positions`, int64 [R] in growing order, at each strength, from
  /// the fits without their groups: float [R,K]. All R K outputs of as many strengths as are given are in memory.
  void for_each_left_out(const std::vector<double>& strengths, const torch::Tensor& positions,
                         const OutputVisit& visit) const;

  /// float [N,K]: left-out outputs as logits. The strength and the scale of a row are those of its fold; folds: int64
  /// [N], 0 … choices' size - 1.
  torch::Tensor left_out_logits(const torch::Tensor& folds, const std::vector<ChosenStrength>& choices) const;

  /// The images at `positions` choose by their left-out outputs.
  ChoiceRows left_out_choice(const torch::Tensor& positions, const torch::Tensor& folds, std::int64_t num_folds) const;
  /// The images of another set choose by the outputs of fits to all rows. The fit and `valid` must outlive it.
  ChoiceRows choice_of(const ProbeRows& valid, const torch::Tensor& positions, const torch::Tensor& folds,
                       std::int64_t num_folds) const;

 private:
  double ridge_strength(double strength) const { return strength * feature_norm_ * feature_norm_; }

  ProbeRows rows_;
  double feature_norm_;
  Ridge ridge_;
};

/// float [n,K]: what a linear map says of the features at `positions`, in chunks. Undefined positions: all.
torch::Tensor outputs_of(const LinearMap& map, const torch::Tensor& features, const torch::Tensor& positions = {});

/// int64 [R], growing: all rows, or as many as give a million outputs, at least 2,000, drawn from `seed`, from each
/// fold alike. Few numbers are chosen by them, and more images would choose the same ones nearly. folds: int64 [N],
/// contiguous.
torch::Tensor choosing_positions(const torch::Tensor& folds, std::int64_t num_folds, std::int64_t num_classes,
                                 std::uint64_t seed);

}  // namespace margay::train
