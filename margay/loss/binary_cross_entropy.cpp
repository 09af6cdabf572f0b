#include "margay/loss/binary_cross_entropy.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/loss/activation.h"
#include "margay/loss/cross_entropy_formula.h"
#include "margay/loss/shape_check.h"
#include "margay/loss/weighted.h"

namespace margay::loss {
namespace {

constexpr const char* kFunction = "binary_cross_entropy_with_logits";

void check_pos_weights(const std::vector<double>& weights, const torch::Tensor& logits) {
  const auto count = static_cast<std::int64_t>(weights.size());
  if (count > 1 && (logits.dim() < 2 || logits.size(1) != count)) {
    throw std::invalid_argument(
        fmt::format("[{}] pos_weights must be one number, or one per column of logits [{}], got {}", kFunction,
                    fmt::join(logits.sizes().vec(), ","), count));
  }
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (std::isfinite(weights[k]) && weights[k] >= 0) continue;
    throw std::invalid_argument(
        fmt::format("[{}] pos_weights[{}] must be finite and not negative, got {}", kFunction, k, weights[k]));
  }
}

/// Shaped so that it broadcasts along dimension 1 of `like`.
torch::Tensor per_column(const std::vector<double>& weights, const torch::Tensor& like) {
  const torch::Tensor values = torch::tensor(weights, torch::kDouble).to(like.options());
  if (weights.size() == 1) return values.squeeze(0);
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[1] = like.size(1);
  return values.view(shape);
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
  const torch::Tensor ones = options.pos_weights.empty() ? t : t * per_column(options.pos_weights, z);
  return reduce(weighted(ones, loss::softplus(-z)) + weighted(1 - t, loss::softplus(z)), options.reduction);
}

}  // namespace margay::loss
