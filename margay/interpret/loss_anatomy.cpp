#include "margay/interpret/loss_anatomy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/interpret/xray_options.h"
#include "margay/loss/activation.h"
#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"

namespace margay::interpret {
namespace {

using Targets = std::optional<std::vector<std::int64_t>>;

void check_anatomy_logits(std::span<const double> logits, metric::Activation activation) {
  if (logits.empty()) throw std::invalid_argument("[loss_anatomy] there must be a logit, got none");
  bool has_finite = activation == metric::Activation::kSigmoid;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (std::isnan(logits[k]) || logits[k] == std::numeric_limits<double>::infinity()) {
      throw std::invalid_argument(
          fmt::format("[loss_anatomy] logits must be finite or -inf, got {} for class {}", logits[k], k));
    }
    has_finite = has_finite || std::isfinite(logits[k]);
  }
  if (!has_finite) throw std::invalid_argument("[loss_anatomy] every logit is -inf, so there is no softmax");
}

void check_anatomy_targets(const Targets& targets, std::size_t classes, metric::Activation activation) {
  if (!targets) return;
  if (activation == metric::Activation::kSoftmax && targets->size() != 1) {
    throw std::invalid_argument(
        fmt::format("[loss_anatomy] a softmax has exactly one target, got {}", targets->size()));
  }
  for (const std::int64_t target : *targets) {
    if (target >= 0 && target < static_cast<std::int64_t>(classes)) continue;
    throw std::invalid_argument(
        fmt::format("[loss_anatomy] target {} is no class; {} classes allow 0 to {}", target, classes, classes - 1));
  }
}

void check_anatomy_options(const LossAnatomyOptions& options) {
  if (!(options.temperature > 0) || !std::isfinite(options.temperature)) {
    throw std::invalid_argument(
        fmt::format("[loss_anatomy] temperature must be a finite number above 0, got {}", options.temperature));
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    throw std::invalid_argument(
        fmt::format("[loss_anatomy] label_smoothing must lie in 0 … 1, got {}", options.label_smoothing));
  }
}

LossAnatomy softmax_anatomy(const torch::Tensor& z, const Targets& targets, const LossAnatomyOptions& options) {
  const torch::Tensor scaled = z / options.temperature;
  LossAnatomy anatomy{.probability = numbers_of(loss::softmax(scaled)),
                      .negative_log = numbers_of(loss::log_softmax(scaled).neg()),
                      .negative_log_not = {},
                      .loss = {},
                      .gradient = {}};
  if (!targets) return anatomy;
  const auto [value, gradient] =
      loss::cross_entropy_with_gradient(z, torch::full({1}, targets->front(), torch::kLong),
                                        {.label_smoothing = options.label_smoothing,
                                         .temperature = options.temperature,
                                         .logits_check = loss::LogitsCheck::kNone});  // any row may be looked at
  anatomy.loss = value.item<double>() + 0.0;
  anatomy.gradient = numbers_of(gradient);
  return anatomy;
}

/// The mean of parts where their sum would overflow is the sum of their parts.
double mean_of(const torch::Tensor& losses) { return (losses / losses.numel()).sum().item<double>() + 0.0; }

LossAnatomy sigmoid_anatomy(const torch::Tensor& z, const Targets& targets, const LossAnatomyOptions& options) {
  const torch::Tensor leaf = z.detach().clone().set_requires_grad(true);
  const torch::Tensor scaled = leaf / options.temperature;
  LossAnatomy anatomy{.probability = numbers_of(loss::sigmoid(scaled.detach())),
                      .negative_log = numbers_of(loss::softplus(scaled.detach().neg())),
                      .negative_log_not = numbers_of(loss::softplus(scaled.detach())),
                      .loss = {},
                      .gradient = {}};
  if (!targets) return anatomy;
  torch::Tensor wanted = torch::zeros_like(z);
  for (const std::int64_t target : *targets) wanted[0][target] = 1;
  const torch::Tensor losses = loss::binary_cross_entropy_with_logits(
      scaled, wanted, {.reduction = loss::Reduction::kNone, .label_smoothing = options.label_smoothing});
  (losses / losses.numel()).sum().backward();
  anatomy.loss = mean_of(losses.detach());
  anatomy.gradient = numbers_of(leaf.grad());
  return anatomy;
}

}  // namespace

LossAnatomy loss_anatomy(std::span<const double> logits, const std::optional<std::vector<std::int64_t>>& targets,
                         const LossAnatomyOptions& options) {
  check_anatomy_logits(logits, options.activation);
  check_anatomy_targets(targets, logits.size(), options.activation);
  check_anatomy_options(options);
  const torch::Tensor z =
      torch::tensor(at::ArrayRef<double>(logits.data(), logits.size()), torch::kDouble).unsqueeze(0);
  return options.activation == metric::Activation::kSoftmax ? softmax_anatomy(z, targets, options)
                                                            : sigmoid_anatomy(z, targets, options);
}

}  // namespace margay::interpret
