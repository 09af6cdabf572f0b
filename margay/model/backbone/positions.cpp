#include "margay/model/backbone/positions.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/functional/upsampling.h>
#include <torch/types.h>

namespace margay::model {
namespace {

std::int64_t side_of(const at::Tensor& positions) {
  return std::lround(std::sqrt(static_cast<double>(positions.size(1) - 1)));
}

}  // namespace

bool has_square_grid(const at::Tensor& positions) {
  if (!positions.is_floating_point() || positions.dim() != 3 || positions.size(0) != 1) return false;
  const std::int64_t side = positions.size(1) > 1 ? side_of(positions) : 0;
  return side > 0 && 1 + side * side == positions.size(1);
}

at::Tensor resample_positions(const at::Tensor& positions, std::int64_t side) {
  namespace functional = torch::nn::functional;
  if (!has_square_grid(positions)) {
    throw std::invalid_argument(
        fmt::format("[resample_positions] positions must be float [1,1+g*g,D], got {}", positions.sizes().vec()));
  }
  const std::int64_t old_side = side_of(positions);
  const std::int64_t features = positions.size(2);
  at::Tensor grid = positions.narrow(1, 1, old_side * old_side).to(torch::kFloat);
  grid = grid.reshape({1, old_side, old_side, features}).permute({0, 3, 1, 2});
  grid = functional::interpolate(grid, functional::InterpolateFuncOptions()
                                           .size(std::vector<std::int64_t>{side, side})
                                           .mode(torch::kBicubic)
                                           .align_corners(false)
                                           .antialias(true));  // [1,D,side,side]
  grid = grid.permute({0, 2, 3, 1}).reshape({1, side * side, features});
  return torch::cat({positions.narrow(1, 0, 1), grid.to(positions.scalar_type())}, 1);
}

}  // namespace margay::model
