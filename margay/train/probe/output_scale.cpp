#include "margay/train/probe/output_scale.h"

#include <stdexcept>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/metric/temperature.h"

namespace margay::train {
namespace {

constexpr double kFirstScale = 10;

void check_scale_rows(const ScaleRows& rows, data::Task task) {
  const bool is_single = task == data::Task::kSingleLabel;
  const bool fits = rows.outputs.dim() == 2 && rows.outputs.is_floating_point() &&
                    rows.targets.dim() == (is_single ? 1 : 2) && rows.targets.size(0) == rows.outputs.size(0) &&
                    (is_single || rows.targets.size(1) == rows.outputs.size(1)) && rows.weights.dim() == 1 &&
                    rows.weights.size(0) == rows.outputs.size(0);
  if (!fits) throw std::invalid_argument("[output_scale] expected outputs [N,K], a target and a weight for each row");
  if (rows.weights.sum().item<double>() > 0 && rows.observations > 0) return;
  throw std::invalid_argument("[output_scale] no image has a weight above 0; there is nothing to fit a scale to");
}

OutputScale temperature(const ScaleRows& rows, const OutputScale* start) {
  const double first = start == nullptr ? kFirstScale : start->scale.item<double>();
  const metric::TemperatureFit fit = metric::fit_temperature(
      {.logits = rows.outputs, .targets = rows.targets, .weights = rows.weights, .observations = rows.observations},
      metric::Activation::kSoftmax, first);
  return {torch::full({1}, fit.scale, torch::kDouble), torch::zeros({1}, torch::kDouble)};
}

/// The sigmoids of all labels at once, for outputs of mean 0 and deviation 1. All [K] unless noted.
class SigmoidFit {
 public:
  explicit SigmoidFit(const ScaleRows& rows)
      : share_((rows.weights / rows.weights.sum()).to(torch::kDouble).unsqueeze(1)) {
    const torch::Tensor outputs = rows.outputs.to(torch::kDouble);
    const torch::Tensor ones = rows.targets.to(torch::kDouble);
    mean_ = sum(outputs);
    deviation_ = sum((outputs - mean_).square()).sqrt();
    const torch::Tensor is_constant = deviation_ <= 1e-12 * (1 + mean_.abs());
    deviation_ = deviation_.masked_fill(is_constant, 1);
    inputs_ = ((outputs - mean_) / deviation_).masked_fill(is_constant, 0);
    const torch::Tensor positive = sum(ones) * rows.observations;
    const torch::Tensor high = (positive + 1) / (positive + 2);
    const torch::Tensor low = 1 / (rows.observations - positive + 2);
    targets_ = low + ones * (high - low);
    slope_ = torch::zeros_like(mean_);
    offset_ = sum(targets_).logit();
  }

  void start_at(const OutputScale& scale) {
    slope_ = scale.scale * deviation_;
    offset_ = scale.offset + scale.scale * mean_;
  }

  void run() {
    for (int step = 0; step < 100 && move(); ++step) {
    }
  }

  OutputScale result() const {
    const torch::Tensor is_upside_down = slope_ < 0;
    const torch::Tensor scale = (slope_ / deviation_).masked_fill(is_upside_down, 0);
    const torch::Tensor offset = torch::where(is_upside_down, sum(targets_).logit(), offset_ - scale * mean_);
    return {scale, offset};
  }

 private:
  torch::Tensor sum(const torch::Tensor& rows) const { return (rows * share_).sum(0); }

  torch::Tensor loss(const torch::Tensor& slope, const torch::Tensor& offset) const {
    const torch::Tensor logits = inputs_ * slope + offset;
    return sum(torch::logaddexp(logits, torch::zeros_like(logits)) - targets_ * logits);
  }

  /// One step of Newton's method, halved where the loss does not fall enough; false at the minimum.
  bool move() {
    constexpr double kDamping = 1e-12;  // Lin, Lin and Weng's: the Hessian of a constant output is singular
    const torch::Tensor parts = (inputs_ * slope_ + offset_).sigmoid();
    const torch::Tensor rest = parts - targets_;
    const torch::Tensor by_slope = sum(rest * inputs_);
    const torch::Tensor by_offset = sum(rest);
    if (torch::maximum(by_slope.abs(), by_offset.abs()).max().item<double>() < 1e-10) return false;
    const torch::Tensor curvature = parts * (1 - parts);
    const torch::Tensor slope2 = sum(curvature * inputs_.square()) + kDamping;
    const torch::Tensor mixed = sum(curvature * inputs_);
    const torch::Tensor offset2 = sum(curvature) + kDamping;
    const torch::Tensor determinant = slope2 * offset2 - mixed.square();
    return step_along((mixed * by_offset - offset2 * by_slope) / determinant,
                      (mixed * by_slope - slope2 * by_offset) / determinant, by_slope, by_offset);
  }

  bool step_along(const torch::Tensor& slope, const torch::Tensor& offset, const torch::Tensor& by_slope,
                  const torch::Tensor& by_offset) {
    const torch::Tensor now = loss(slope_, offset_);
    const torch::Tensor descent = by_slope * slope + by_offset * offset;
    torch::Tensor length = torch::ones_like(slope);
    for (int halving = 0; halving < 30; ++halving) {
      const torch::Tensor then = loss(slope_ + length * slope, offset_ + length * offset);
      const torch::Tensor is_too_long = then > now + 1e-4 * length * descent;
      if (!is_too_long.any().item<bool>()) break;
      length = torch::where(is_too_long, halving == 29 ? torch::zeros_like(length) : length / 2, length);
    }
    slope_ = slope_ + length * slope;
    offset_ = offset_ + length * offset;
    return length.max().item<double>() > 0;
  }

  torch::Tensor share_;    // [N,1], of the weights
  torch::Tensor inputs_;   // [N,K]
  torch::Tensor targets_;  // [N,K], Platt's
  torch::Tensor mean_;
  torch::Tensor deviation_;
  torch::Tensor slope_;
  torch::Tensor offset_;
};

}  // namespace

torch::Tensor OutputScale::logits(const torch::Tensor& outputs) const {
  return (outputs * scale.to(outputs.scalar_type()) + offset.to(outputs.scalar_type())).to(torch::kFloat);
}

OutputScale fit_output_scale(const ScaleRows& rows, data::Task task, const OutputScale* start) {
  check_scale_rows(rows, task);
  const torch::NoGradGuard no_grad;
  if (task == data::Task::kSingleLabel) return temperature(rows, start);
  SigmoidFit fit(rows);
  if (start != nullptr) fit.start_at(*start);
  fit.run();
  return fit.result();
}

}  // namespace margay::train
