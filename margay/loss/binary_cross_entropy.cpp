#include "margay/loss/binary_cross_entropy.h"

#include <cstdint>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/loss/activation.h"
#include "margay/loss/input_check.h"

namespace margay::loss {
namespace {

constexpr const char* kFunction = "binary_cross_entropy_with_logits";

void check_pos_weights(const std::vector<double>& weights, const torch::Tensor& logits) {
  const auto count = static_cast<std::int64_t>(weights.size());
  if (count > 1 && (logits.dim() < 2 || logits.size(1) != count)) {
    throw std::invalid_argument(
        fmt::format("[{}] pos_weights must be one number, or one per column of logits [{}], got {}", kFunction,
                    core::joined(logits.sizes(), ","), count));
  }
  check_weight_values(kFunction, "pos_weights", weights);
}

}  // namespace

torch::Tensor binary_cross_entropy_with_logits(const torch::Tensor& logits, const torch::Tensor& targets,
                                               const BinaryCrossEntropyOptions& options) {
  core::validate(options);
  check_binary_targets(kFunction, logits, targets);
  check_pos_weights(options.pos_weights, logits);
  const torch::Tensor z = at_least_float(logits);
  const double eps = options.label_smoothing;
  const torch::Tensor given = targets.to(z.scalar_type());
  const torch::Tensor t = eps == 0 ? given : given * (1 - eps) + eps / 2;
  torch::Tensor ones = t;
  if (options.pos_weights.size() == 1) ones = t * options.pos_weights.front();
  if (options.pos_weights.size() > 1) ones = t * along_columns(options.pos_weights, z);
  return reduce(weighted(ones, loss::softplus(-z)) + weighted(1 - t, loss::softplus(z)), options.reduction);
}

const core::OptionTable& BinaryCrossEntropyOptions::fields() {
  using O = BinaryCrossEntropyOptions;
  static const core::OptionTable table(
      "binary_cross_entropy",
      {core::field<&O::reduction>("reduction", "mean, sum or none"),
       core::field<&O::pos_weights>("pos_weights", "how often a 1 counts: one number, or one per column; empty: 1"),
       core::field<&O::label_smoothing>("label_smoothing", "share of each target spread over 0 and 1", {0, 1})});
  return table;
}

torch::Tensor mnist_loss(const torch::Tensor& logits, const torch::Tensor& targets) {
  check_binary_targets("mnist_loss", logits, targets);
  const torch::Tensor z = at_least_float(logits);
  return reduce(torch::sigmoid(torch::where(targets == 1, -z, z)), Reduction::kMean);  // 1 - σ(z) = σ(-z)
}

}  // namespace margay::loss
