#include "margay/model/weights/weights_difference.h"

#include <algorithm>
#include <limits>

#include <torch/types.h>

namespace margay::model {
namespace {

WeightsDifference::Values compare_values(const std::string& name, const at::Tensor& a, const at::Tensor& b) {
  const torch::Tensor x = a.detach().to(torch::kDouble);
  const torch::Tensor y = b.detach().to(torch::kDouble);
  const torch::Tensor differ = x.ne(y).logical_and(x.isnan().logical_and(y.isnan()).logical_not());
  WeightsDifference::Values values{.name = name, .differing = differ.sum().item<std::int64_t>(), .values = x.numel()};
  if (values.differing == 0) return values;
  const torch::Tensor distances = (x - y).abs().masked_select(differ);
  const bool is_finite = distances.isfinite().all().item<bool>();
  values.largest = is_finite ? distances.max().item<double>() : std::numeric_limits<double>::infinity();
  return values;
}

/// Puts a tensor that both have where it belongs.
void compare(const std::string& name, const at::Tensor& a, const at::Tensor& b, WeightsDifference& difference) {
  if (a.sizes() != b.sizes()) {
    difference.shapes.push_back({name, a.sizes().vec(), b.sizes().vec()});
    return;
  }
  const bool is_same_dtype = a.scalar_type() == b.scalar_type();
  if (!is_same_dtype) difference.dtypes.push_back({name, a.scalar_type(), b.scalar_type()});
  WeightsDifference::Values values = compare_values(name, a, b);
  if (values.differing > 0) {
    difference.values.push_back(std::move(values));
  } else if (is_same_dtype) {
    ++difference.equal;
  }
}

}  // namespace

WeightsDifference weights_difference(const TensorMap& a, const TensorMap& b) {
  WeightsDifference difference;
  for (const auto& [name, tensor] : a) {
    const auto found = b.find(name);
    if (found == b.end()) {
      difference.only_in_a.push_back(name);
    } else {
      compare(name, tensor, found->second, difference);
    }
  }
  for (const auto& each : b) {
    if (a.count(each.first) == 0) difference.only_in_b.push_back(each.first);
  }
  std::stable_sort(difference.values.begin(), difference.values.end(),
                   [](const auto& x, const auto& y) { return x.largest > y.largest; });
  return difference;
}

}  // namespace margay::model
