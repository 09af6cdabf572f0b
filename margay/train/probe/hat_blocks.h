#pragma once

#include <cstddef>
#include <cstdint>

#include <torch/types.h>

namespace margay::train {

/// Products E diag(g) Eᵀ of the rows of each group, for several g: the blocks of a hat matrix on its diagonal.
class GroupProducts {
 public:
  /// rows: float64 [n,d], groups of `size` rows one after the other; scales: [d,L], a column for each g.
  GroupProducts(torch::Tensor rows, std::int64_t size, torch::Tensor scales);
  /// [n/m,m,m] for the l-th g.
  torch::Tensor at(std::size_t l) const;

 private:
  torch::Tensor rows_;  // [n/m,m,d]
  torch::Tensor scales_;
  torch::Tensor pairs_;  // [L,n/m,m,m], of small groups
};

/// The solutions S of block · S = right, for symmetric blocks. What rounding did to a block whose smallest eigenvalue
/// is next to nothing is mended: eigenvalues count as `least` at least.
/// blocks: [n,m,m]; least: [n], positive, a bound that is known from elsewhere; right: [n,m,K]. Result: [n,m,K].
torch::Tensor solve_blocks(const torch::Tensor& blocks, const torch::Tensor& least, const torch::Tensor& right);

}  // namespace margay::train
