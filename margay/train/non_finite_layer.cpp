#include "margay/train/non_finite_layer.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/model/network_state.h"
#include "margay/train/operator_watch.h"

namespace margay::train {
namespace {

bool is_finite(const torch::Tensor& tensor) {
  return !tensor.is_floating_point() || tensor.isfinite().all().item<bool>();
}

/// Whether one of an operator's results is not finite.
bool has_non_finite_result(const WatchedOperator& op) {
  const std::vector<torch::Tensor> results = tensors_in(op.outputs);
  return !std::all_of(results.begin(), results.end(), is_finite);
}

std::string place_of(const WatchedOperator& op) {
  return op.is_layer ? op.layer : fmt::format("{} after {}", op.name, op.layer.empty() ? "images" : op.layer);
}

/// The first of the classifier's own tensors that is not finite, or "".
std::string non_finite_state(const model::Classifier& classifier) {
  for (const auto& each : classifier.named_parameters()) {
    if (!is_finite(each.value())) return each.key();
  }
  for (const auto& each : classifier.named_buffers()) {
    if (!is_finite(each.value())) return each.key();
  }
  return "";
}

}  // namespace

std::string first_non_finite_layer(model::Classifier& classifier, const torch::Tensor& images,
                                   model::Precision precision) {
  const torch::NoGradGuard no_grad;
  if (!is_finite(images)) return "images";
  std::string state = non_finite_state(classifier);
  if (!state.empty()) return state;
  const model::StateGuard guard(classifier.buffers(), classifier.device());
  const model::Autocast autocast(classifier.device(), precision);
  std::string found;
  const auto examine = [&](const WatchedOperator& op) {
    if (op.depth == 0 && found.empty() && has_non_finite_result(op)) found = place_of(op);
  };
  watch_operators(classifier, examine, [&] { classifier.forward(images); });
  return found;
}

}  // namespace margay::train
