#include "margay/train/schedule/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {

Schedule sched_lin(double start, double end) {
  return [=](double p) { return start + p * (end - start); };
}

Schedule sched_cos(double start, double end) {
  return [=](double p) { return start + (1 + std::cos(std::numbers::pi * (1 - p))) * (end - start) / 2; };
}

Schedule sched_exp(double start, double end) {
  if (start * end <= 0) {
    throw std::invalid_argument(fmt::format("[sched_exp] both ends must have one sign, got {} and {}", start, end));
  }
  return [=](double p) { return start * std::pow(end / start, p); };
}

Schedule sched_poly(double start, double end, double power) {
  return [=](double p) { return start + (end - start) * std::pow(p, power); };
}

Schedule sched_no(double value) {
  return [=](double /*p*/) { return value; };
}

Schedule combine_scheds(std::vector<double> shares, std::vector<Schedule> schedules) {
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (shares.empty() || shares.size() != schedules.size() || std::abs(total - 1) > 1e-6) {
    throw std::invalid_argument(fmt::format("[combine_scheds] {} shares summing to {} for {} schedules", shares.size(),
                                            total, schedules.size()));
  }
  return [shares = std::move(shares), schedules = std::move(schedules)](double p) {
    double begin = 0;
    std::size_t i = 0;
    while (i + 1 < shares.size() && p >= begin + shares[i]) begin += shares[i++];
    return schedules[i](std::clamp((p - begin) / shares[i], 0.0, 1.0));
  };
}

Schedule combined_cos(double pct, double start, double middle, double end) {
  return combine_scheds({pct, 1 - pct}, {sched_cos(start, middle), sched_cos(middle, end)});
}

namespace {

void require_share(const char* where, const char* name, double share) {
  if (share > 0 && share < 1) return;
  throw std::invalid_argument(fmt::format("[{}] {} must lie in (0,1), got {}", where, name, share));
}

void require_divisor(const char* where, const char* name, double divisor) {
  if (divisor > 0) return;
  throw std::invalid_argument(fmt::format("[{}] {} must be positive, got {}", where, name, divisor));
}

}  // namespace

HyperSchedule shaped(std::vector<double> peak_lrs, Schedule factor, Schedule momentum) {
  return [peaks = std::move(peak_lrs), factor = std::move(factor), momentum = std::move(momentum)](double progress) {
    Hyper hyper{peaks, momentum(progress)};
    const double here = factor(progress);
    for (double& lr : hyper.lrs) lr *= here;
    return hyper;
  };
}

HyperSchedule constant(std::vector<double> lrs, double momentum) {
  return shaped(std::move(lrs), sched_no(1), sched_no(momentum));
}

HyperSchedule one_cycle(std::vector<double> peak_lrs, const OneCycleShape& shape) {
  require_share("one_cycle", "pct_start", shape.pct_start);
  require_divisor("one_cycle", "div", shape.div);
  require_divisor("one_cycle", "div_final", shape.div_final);
  return shaped(std::move(peak_lrs), combined_cos(shape.pct_start, 1 / shape.div, 1, 1 / shape.div_final),
                combined_cos(shape.pct_start, shape.moms[0], shape.moms[1], shape.moms[2]));
}

HyperSchedule flat_cos(std::vector<double> peak_lrs, const FlatCosShape& shape) {
  require_share("flat_cos", "pct_start", shape.pct_start);
  require_divisor("flat_cos", "div_final", shape.div_final);
  return shaped(std::move(peak_lrs), combined_cos(shape.pct_start, 1, 1, 1 / shape.div_final),
                sched_no(shape.momentum));
}

std::int64_t sgdr_epochs(const SgdrShape& shape) {
  constexpr std::int64_t kMostEpochs = 1'000'000;
  if (shape.cycles < 1 || shape.cycle_len < 1 || shape.cycle_mult < 1) {
    throw std::invalid_argument(
        fmt::format("[sgdr] cycles, cycle_len and cycle_mult must be at least 1, got {}, {}, {}", shape.cycles,
                    shape.cycle_len, shape.cycle_mult));
  }
  double epochs = 0;  // a double cannot overflow here
  double length = static_cast<double>(shape.cycle_len);
  for (std::int64_t cycle = 0; cycle < shape.cycles && epochs <= kMostEpochs; ++cycle) {
    epochs += length;
    length *= static_cast<double>(shape.cycle_mult);
  }
  if (epochs > kMostEpochs) throw std::invalid_argument("[sgdr] the cycles take more than a million epochs");
  return static_cast<std::int64_t>(epochs);
}

HyperSchedule sgdr(std::vector<double> peak_lrs, const SgdrShape& shape) {
  constexpr double kSlack = 1e-9;  // epochs; without it a rounding error could put a restart one step later
  const auto epochs = static_cast<double>(sgdr_epochs(shape));
  const Schedule factor = [shape, epochs, fall = sched_cos(1, 0)](double progress) {
    double at = progress * epochs + kSlack;
    auto length = static_cast<double>(shape.cycle_len);
    for (std::int64_t cycle = 1; cycle < shape.cycles && at >= length; ++cycle) {
      at -= length;
      length *= static_cast<double>(shape.cycle_mult);
    }
    return fall(std::clamp(at / length, 0.0, 1.0));
  };
  return shaped(std::move(peak_lrs), factor, sched_no(shape.momentum));
}

HyperSchedule warm_up(HyperSchedule schedule, const WarmUpShape& shape) {
  require_share("warm_up", "share", shape.share);
  require_divisor("warm_up", "div", shape.div);
  const Schedule climb = shape.ramp == Ramp::kLinear ? sched_lin(1 / shape.div, 1) : sched_cos(1 / shape.div, 1);
  return [schedule = std::move(schedule), climb, share = shape.share](double progress) {
    if (progress >= share) return schedule((progress - share) / (1 - share));
    Hyper hyper = schedule(0);
    for (double& lr : hyper.lrs) lr *= climb(progress / share);
    return hyper;
  };
}

}  // namespace margay::train
