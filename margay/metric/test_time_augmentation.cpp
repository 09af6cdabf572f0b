#include "margay/metric/test_time_augmentation.h"

#include <limits>
#include <stdexcept>

namespace margay::metric {
namespace {

torch::Tensor probabilities(const torch::Tensor& logits, Activation activation) {
  const torch::Tensor z = logits.to(torch::kDouble);
  return activation == Activation::kSoftmax ? torch::softmax(z, 1) : torch::sigmoid(z);
}

/// Finite for probabilities that round to 0 or 1.
torch::Tensor logits_of(const torch::Tensor& probabilities, Activation activation) {
  const torch::Tensor p = probabilities.clamp_min(std::numeric_limits<double>::min());
  if (activation == Activation::kSoftmax) return p.log();
  return p.log() - (1 - probabilities).clamp_min(std::numeric_limits<double>::epsilon()).log();
}

}  // namespace

torch::Tensor average_draws(const torch::Tensor& plain, const std::vector<torch::Tensor>& draws, Activation activation,
                            double beta) {
  if (draws.empty() || beta < 0 || beta > 1) {
    throw std::invalid_argument("[average_draws] needs one draw at least, and a beta from 0 to 1");
  }
  torch::Tensor sum = torch::zeros_like(plain, torch::kDouble);
  for (const torch::Tensor& draw : draws) {
    if (draw.sizes() != plain.sizes()) throw std::invalid_argument("[average_draws] draws differ in shape");
    sum += probabilities(draw, activation);
  }
  const torch::Tensor mean = sum / static_cast<double>(draws.size());
  return logits_of(torch::lerp(mean, probabilities(plain, activation), beta), activation).to(plain.scalar_type());
}

const core::OptionTable& TtaOptions::fields() {
  static const core::OptionTable table(
      "tta", {core::field<&TtaOptions::n>("n", "draws of every image", {1, 1000}),
              core::field<&TtaOptions::beta>("beta", "share of the plain prediction", {0, 1})});
  return table;
}

}  // namespace margay::metric
