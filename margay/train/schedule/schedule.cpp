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

}  // namespace margay::train
