#include "margay/train/probe/hat_blocks.h"

#include <utility>

#include <torch/types.h>

namespace margay::train {
namespace {

/// A product of matrices for each group costs a call; pairs of rows of all groups at once cost m²/2 calls.
constexpr std::int64_t kLargestByPairs = 16;

}  // namespace

GroupProducts::GroupProducts(torch::Tensor rows, std::int64_t size, torch::Tensor scales)
    : rows_(rows.reshape({-1, size, rows.size(1)})), scales_(std::move(scales)) {
  if (size > kLargestByPairs) return;
  pairs_ = torch::empty({scales_.size(1), rows_.size(0), size, size}, torch::kDouble);
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      const torch::Tensor products = (rows_.select(1, i) * rows_.select(1, j)).matmul(scales_).t();  // [L,n/m]
      pairs_.select(3, j).select(2, i).copy_(products);
      pairs_.select(3, i).select(2, j).copy_(products);
    }
  }
}

torch::Tensor GroupProducts::at(std::size_t l) const {
  const auto index = static_cast<std::int64_t>(l);
  if (pairs_.defined()) return pairs_[index];
  return (rows_ * scales_.select(1, index)).matmul(rows_.mT());
}

torch::Tensor solve_blocks(const torch::Tensor& blocks, const torch::Tensor& least, const torch::Tensor& right) {
  if (blocks.size(1) == 1) return right / torch::maximum(blocks, least.reshape({-1, 1, 1}));
  const auto [lower, info] = torch::linalg_cholesky_ex(blocks);
  const torch::Tensor smallest = lower.diagonal(0, 1, 2).square().amin(1);  // at least the smallest eigenvalue
  const torch::Tensor bad = ((info != 0) | ~(smallest >= least / 2)).nonzero().squeeze(1);
  torch::Tensor solution = torch::cholesky_solve(right, lower);
  if (bad.size(0) == 0) return solution;
  const auto [values, vectors] = torch::linalg_eigh(blocks.index_select(0, bad));
  const torch::Tensor bounded = torch::maximum(values, least.index_select(0, bad).unsqueeze(1));
  const torch::Tensor along = vectors.mT().matmul(right.index_select(0, bad)) / bounded.unsqueeze(2);
  return solution.index_copy_(0, bad, vectors.matmul(along));
}

}  // namespace margay::train
