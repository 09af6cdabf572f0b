#include "margay/loss/activation.h"

#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/loss/kept_rows.h"
#include "margay/loss/shape_check.h"

namespace margay::loss {
namespace {

void check_floating(const char* function, const torch::Tensor& z) {
  if (z.is_floating_point()) return;
  throw std::invalid_argument(
      fmt::format("[{}] activations must be floating, got {}", function, std::string(z.dtype().name())));
}

/// LibTorch 1.13 has no float16 on the CPU for most of these; other devices compute half types in float32 themselves.
torch::Tensor computable(const torch::Tensor& z) { return z.is_cpu() ? at_least_float(z) : z; }

}  // namespace

torch::Tensor sigmoid(const torch::Tensor& z) {
  check_floating("sigmoid", z);
  return torch::sigmoid(computable(z)).to(z.scalar_type());
}

torch::Tensor log_sigmoid(const torch::Tensor& z) {
  check_floating("log_sigmoid", z);
  return loss::softplus(computable(z).neg()).neg().to(z.scalar_type());
}

torch::Tensor softplus(const torch::Tensor& z) {
  check_floating("softplus", z);
  const double threshold = z.scalar_type() == torch::kDouble ? 700 : 80;  // exp of it is finite still
  return torch::softplus(computable(z), 1, threshold).to(z.scalar_type());
}

torch::Tensor softmax(const torch::Tensor& logits) {
  check_logits("softmax", logits);
  return torch::softmax(computable(logits), 1).to(logits.scalar_type());
}

torch::Tensor log_softmax(const torch::Tensor& logits) {
  check_logits("log_softmax", logits);
  return torch::log_softmax(computable(logits), 1).to(logits.scalar_type());
}

}  // namespace margay::loss
