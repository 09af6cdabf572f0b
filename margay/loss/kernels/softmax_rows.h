#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "margay/loss/cross_entropy.h"

namespace margay::loss::kernels {

/// What one row asks of its softmax. The loss is Σ_k c_k (-log p_k) with c_k = onehot [k = index] + uniform + dense_k.
template <class A>
struct RowTarget {
  std::int64_t index = -1;  ///< the target class, -1 where there is none
  double onehot = 0;
  double uniform = 0;
  const A* dense = nullptr;  ///< [K], or null: all 0
  bool is_ignored = false;
};

/// Targets, class weights, label smoothing and what is to be ignored, as coefficients row by row.
/// A is what the kernels sum in, float or double.
template <class A>
class RowTargets {
 public:
  /// targets: whole numbers [R], or distributions [R,K], on the CPU and already checked. Options must outlive it.
  RowTargets(const torch::Tensor& targets, std::int64_t num_classes, const CrossEntropyOptions& options);

  /// Whether rows have dense coefficients; row() then needs room for them.
  bool is_dense() const { return !fixed_dense_.empty() || soft_.defined(); }
  /// The target of row r. buffer: [K] where is_dense().
  RowTarget<A> row(std::int64_t r, A* buffer) const;
  /// Σ w_y over the rows that are kept; for soft rows, Σ_k w_k q_k over all.
  double total_count() const;

 private:
  RowTarget<A> index_row(std::int64_t r) const;
  RowTarget<A> soft_row(std::int64_t r, A* buffer) const;
  double weight_of(std::int64_t y) const { return weights_.empty() ? 1 : weights_[static_cast<std::size_t>(y)]; }
  /// Σ_k w_k q_k of a soft row.
  double count_of(const A* q) const;

  std::int64_t rows_;
  std::int64_t classes_;
  const std::vector<double>& weights_;
  ClassWeighting weighting_;
  double smoothing_;
  std::int64_t ignore_index_;
  torch::Tensor indices_;                ///< int64 [R], or undefined
  const std::int64_t* index_ = nullptr;  ///< what indices_ holds
  torch::Tensor soft_;                   ///< [R,K], or undefined
  std::vector<A> fixed_dense_;           ///< smoothing times weights, the same for every index row, or empty
};

extern template class RowTargets<float>;
extern template class RowTargets<double>;

/// Losses and gradients of R independent rows.
struct SoftmaxRows {
  torch::Tensor logits;                ///< float64, float32, bfloat16 or float16 [R,K] on the CPU, contiguous
  torch::Tensor targets;               ///< whole numbers [R] or distributions [R,K], on the CPU, already checked
  torch::Tensor gradient;              ///< as the logits, may be their own memory; undefined: none is computed
  double* losses = nullptr;            ///< [R], or null; not reduced
  double scale = 1;                    ///< the gradient is multiplied by it
  const double* row_scales = nullptr;  ///< [R], further factors of the gradient, or null
};

/// Σ w_y over the rows that are kept, or Σ_k w_k q_k over all soft ones: what a weighted mean divides by.
double total_count(const torch::Tensor& targets, std::int64_t num_classes, const CrossEntropyOptions& options);

/// One pass over the logits, and one to write the gradient; rows are shared among LibTorch's threads, or the columns
/// where rows are few. The losses do not depend on the number of threads. An ignored row gives 0 and is not read.
void run(const SoftmaxRows& rows, const CrossEntropyOptions& options);

}  // namespace margay::loss::kernels
