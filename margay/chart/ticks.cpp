#include "margay/chart/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "margay/chart/tick_labels.h"

namespace margay::chart {
namespace {

constexpr int kFewestTicks = 3;  // of fewer, none may fall into the range
constexpr double kTickNoise = 1e-9;

/// The smallest step of which at most `at_most` multiples lie in a closed range of this width.
TickStep step_for(double width, int at_most) {
  const double smallest = width / std::max(at_most, kFewestTicks);
  const int exponent = static_cast<int>(std::floor(std::log10(smallest)));
  for (const int mantissa : {1, 2, 5}) {
    if (const TickStep step{mantissa, exponent}; step.size() > smallest) return step;
  }
  return {1, exponent + 1};
}

struct Decades {
  int first;
  int last;

  int count() const { return last - first + 1; }
};

/// The powers of ten between low and high.
Decades decades_between(double low, double high) {
  return {static_cast<int>(std::ceil(std::log10(low) - kTickNoise)),
          static_cast<int>(std::floor(std::log10(high) + kTickNoise))};
}

std::vector<Tick> every_nth_decade(const Decades& decades, int at_most) {
  int stride = 1;
  for (int k = 0; decades.count() > at_most * stride; ++k) {
    constexpr std::array<int, 3> kRound = {1, 2, 5};
    stride = kRound[static_cast<std::size_t>(k) % 3] * static_cast<int>(std::pow(10, k / 3));
  }
  std::vector<Tick> ticks;
  for (int k = decades.first; k <= decades.last; ++k) {
    const double value = TickStep{1, k}.size();
    if (k % stride == 0) ticks.push_back({value, short_number(value)});
  }
  return ticks;
}

std::vector<Tick> ones_twos_fives(double low, double high) {
  std::vector<Tick> ticks;
  const Decades decades = decades_between(low, high);
  for (int k = decades.first - 1; k <= decades.last; ++k) {
    for (const int mantissa : {1, 2, 5}) {
      const double value = TickStep{mantissa, k}.size();
      const bool is_inside = value >= low * (1 - kTickNoise) && value <= high * (1 + kTickNoise);
      if (is_inside) ticks.push_back({value, short_number(value)});
    }
  }
  return ticks;
}

bool are_apart(const Extent1d& a, const Extent1d& b, double gap) {
  return a.end + gap <= b.begin || b.end + gap <= a.begin;
}

bool fit(const std::vector<Tick>& ticks, double gap, const std::function<Extent1d(const Tick&)>& extent_of) {
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    if (!are_apart(extent_of(ticks[i - 1]), extent_of(ticks[i]), gap)) return false;
  }
  return true;
}

}  // namespace

std::vector<Tick> linear_ticks(double low, double high, int at_most) {
  const TickStep step = step_for(high - low, at_most);
  const double noise = kTickNoise * (high - low) / step.size();
  const double last = std::floor(high / step.size() + noise);
  const double largest = std::max(std::abs(low), std::abs(high));
  std::vector<Tick> ticks;
  for (double k = std::ceil(low / step.size() - noise); k <= last && ticks.size() < 1000; ++k) {
    const double value = step.times(k);
    ticks.push_back({value, tick_label(value, step, largest)});
  }
  return ticks;
}

std::vector<Tick> log_ticks(double low, double high, int at_most) {
  const Decades decades = decades_between(low, high);
  std::vector<Tick> within = decades.count() > 2 ? std::vector<Tick>{} : ones_twos_fives(low, high);
  const int count = static_cast<int>(within.size());
  if (count >= 2 && count <= at_most) return within;
  if (decades.count() >= 2) return every_nth_decade(decades, at_most);
  return linear_ticks(low, high, at_most);
}

std::vector<Tick> ticks_of(const AxisRange& range, int at_most) {
  return range.scale == AxisScale::kLog ? log_ticks(range.low, range.high, at_most)
                                        : linear_ticks(range.low, range.high, at_most);
}

std::vector<double> minor_ticks(const AxisRange& range, const std::vector<Tick>& ticks) {
  if (range.scale != AxisScale::kLog) return {};
  const Decades decades = decades_between(range.low, range.high);
  if (decades.count() < 2 || static_cast<int>(ticks.size()) < decades.count()) return {};
  std::vector<double> minor;
  for (int k = decades.first - 1; k <= decades.last; ++k) {
    for (int mantissa = 2; mantissa <= 9; ++mantissa) {
      const double value = TickStep{mantissa, k}.size();
      if (value >= range.low && value <= range.high) minor.push_back(value);
    }
  }
  return minor;
}

std::vector<Tick> fitting_ticks(const AxisRange& range, int at_most, double gap,
                                const std::function<Extent1d(const Tick&)>& extent_of) {
  std::vector<Tick> ticks;
  for (int count = std::max(at_most, kFewestTicks); count >= kFewestTicks; --count) {
    ticks = ticks_of(range, count);
    if (fit(ticks, gap, extent_of)) return ticks;
  }
  if (ticks.size() > 1) ticks.resize(1);
  return ticks;
}

}  // namespace margay::chart
