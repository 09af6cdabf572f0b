#include "margay/train/precision/grad_scaler.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/train/precision/gradients.h"
#include "margay/train/task_loss.h"

namespace margay::train {
namespace {

constexpr const char* kScale = "scale";
constexpr const char* kGoodSteps = "good_steps";
constexpr double kLargestScale = std::numeric_limits<float>::max();  // losses are float32

/// The sum of magnitudes is finite where every element is, and NaN or infinite elsewhere. (Sums of squares overflow
/// sooner.) All results are put together before the one that is waited for.
bool has_infinite(const std::vector<torch::Tensor>& tensors) {
  const std::vector<torch::Tensor> sums = at::_foreach_norm(tensors, 1);
  std::vector<torch::Tensor> finite;
  finite.reserve(sums.size());
  for (const torch::Tensor& sum : sums) finite.push_back(sum.isfinite());
  return !torch::stack(finite).all().item<bool>();
}

}  // namespace

GradScaler::GradScaler(const LossScalingOptions& options) : options_(options), scale_(options.init_scale) {
  core::validate(options);
}

torch::Tensor GradScaler::scale(const torch::Tensor& loss) const { return at_least_float(loss) * scale_; }

bool GradScaler::unscale(const std::vector<torch::Tensor>& gradients) const {
  if (gradients.empty()) return false;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> wide;  // the gradients themselves, or float32 copies of the narrow ones
  wide.reserve(gradients.size());
  for (const torch::Tensor& each : gradients) wide.push_back(at_least_float(each));
  at::_foreach_mul_(wide, 1 / scale_);
  for (std::size_t i = 0; i < wide.size(); ++i) {
    if (is_narrow(gradients[i])) gradients[i].copy_(wide[i]);
  }
  return has_infinite(wide);
}

void GradScaler::update(bool found_infinite) {
  if (found_infinite) {
    scale_ *= options_.backoff_factor;
    good_steps_ = 0;
    if (scale_ >= options_.min_scale) return;
    throw DivergedError(
        fmt::format("the gradients are not finite even with the loss scaled by {}; lower the learning "
                    "rate (`base_lr`), or train with `precision` bf16 or fp32",
                    scale_ / options_.backoff_factor));
  }
  if (++good_steps_ < options_.growth_interval) return;
  good_steps_ = 0;
  if (scale_ * options_.growth_factor <= kLargestScale) scale_ *= options_.growth_factor;
}

nlohmann::ordered_json GradScaler::state() const { return {{kScale, scale_}, {kGoodSteps, good_steps_}}; }

void GradScaler::load_state(const nlohmann::ordered_json& state, const std::filesystem::path& source) {
  const bool is_whole = state.is_object() && state.contains(kScale) && state[kScale].is_number() &&
                        state.contains(kGoodSteps) && state[kGoodSteps].is_number_integer();
  const double scale = is_whole ? state[kScale].get<double>() : 0;
  const std::int64_t good_steps = is_whole ? state[kGoodSteps].get<std::int64_t>() : -1;
  if (!(scale > 0 && scale <= kLargestScale) || good_steps < 0) {
    throw core::FormatError(source, fmt::format("{} is no state of loss scaling: expected a positive '{}' and a count "
                                                "'{}'",
                                                state.dump(), kScale, kGoodSteps));
  }
  scale_ = scale;
  good_steps_ = good_steps;
}

const core::OptionTable& LossScalingOptions::fields() {
  static const core::OptionTable table(
      "loss_scaling",
      {core::field<&LossScalingOptions::init_scale>("init_scale", "the first factor of the loss", {0x1p-24, 0x1p127}),
       core::field<&LossScalingOptions::growth_factor>(
           "growth_factor", "the scale grows by it after growth_interval good steps", {1, 1024}),
       core::field<&LossScalingOptions::backoff_factor>(
           "backoff_factor", "the scale shrinks by it when gradients are not finite", {1e-3, 0.999}),
       core::field<&LossScalingOptions::growth_interval>("growth_interval", "good steps in a row before it grows",
                                                         {1, 1e9}),
       core::field<&LossScalingOptions::min_scale>("min_scale", "training has failed when the scale falls below",
                                                   {0x1p-126, 1})});
  return table;
}

}  // namespace margay::train
