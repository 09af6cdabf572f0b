#include "margay/train/lr_find/lr_sweep.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {
namespace {

constexpr double kDivergedRatio = 4;  // fastai's

LrSweepOptions checked_sweep(const LrSweepOptions& options) {
  core::validate(options);
  if (options.start_lr < options.end_lr) return options;
  throw std::invalid_argument(
      fmt::format("[lr_find] start_lr must be below end_lr, got {} and {}", options.start_lr, options.end_lr));
}

}  // namespace

LrSweep::LrSweep(const LrSweepOptions& options)
    : options_(checked_sweep(options)), schedule_(sched_exp(options.start_lr, options.end_lr)) {}

double LrSweep::lr_at(std::int64_t step) const {
  return schedule_(static_cast<double>(step) / static_cast<double>(options_.num_it));
}

bool LrSweep::add(std::int64_t step, double loss) {
  const auto taken = static_cast<std::int64_t>(curve_.lrs.size());
  if (step != taken) throw std::invalid_argument(fmt::format("[lr_find] expected step {}, got {}", taken, step));
  if (!std::isfinite(loss)) return true;
  smooth_loss_.add(loss);
  const double smooth = smooth_loss_.value();
  curve_.lrs.push_back(lr_at(step));
  curve_.losses.push_back(smooth);
  lowest_ = std::min(lowest_, smooth);
  const bool is_diverged = options_.stop_div && smooth > kDivergedRatio * lowest_;
  return is_diverged || step + 1 >= options_.num_it;
}

const core::OptionTable& LrSweepOptions::fields() {
  static const core::OptionTable table(
      "lr_find",
      {core::field<&LrSweepOptions::start_lr>("start_lr", "rate of the first step", {1e-12, 1e3}),
       core::field<&LrSweepOptions::end_lr>("end_lr", "rate that one step more than num_it would have", {1e-12, 1e3}),
       core::field<&LrSweepOptions::num_it>("num_it", "training steps", {6, 1e6}),
       core::field<&LrSweepOptions::stop_div>("stop_div", "stop when the smoothed loss is 4 times its lowest")});
  return table;
}

}  // namespace margay::train
