#include "margay/chart/axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

namespace margay::chart {
namespace {

constexpr double kLargestWhole = 1e7;
constexpr double kSmallestFixed = 0.01 * (1 - 1e-9);
constexpr double kLargestFixed = 1e6;
constexpr int kMostDecimals = 4;
constexpr int kDigits = 3;

/// "1.20" becomes "1.2", "3.00" becomes "3".
std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// "1.2e-5": an exponent without plus or leading zero.
std::string with_exponent(double number, int decimals) {
  const std::string text = fmt::format("{:.{}e}", number, decimals);
  const std::size_t e = text.find('e');
  return fmt::format("{}e{}", text.substr(0, e), std::atoi(text.c_str() + e + 1));
}

std::string without_zeros_before_exponent(const std::string& text) {
  const std::size_t e = text.find('e');
  return without_trailing_zeros(text.substr(0, e)) + text.substr(e);
}

int exponent_of(double number) { return static_cast<int>(std::floor(std::log10(std::abs(number)))); }

constexpr double kRoundingNoise = 1e-9;  // a range narrower than this share of its numbers is one number
constexpr double kNarrowest = 1e-250;

/// Of the numbers given to it, the outermost, on the axis's own ruler (the logarithm for a logarithmic axis).
struct Span {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  bool is_empty() const { return low > high; }
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

double on_ruler(AxisScale scale, double value) { return scale == AxisScale::kLog ? std::log10(value) : value; }
double from_ruler(AxisScale scale, double place) { return scale == AxisScale::kLog ? std::pow(10, place) : place; }

/// Calls visit(x, y) for each point and mark that has a place on both axes.
template <class Visit>
void for_each_point(const LineChart& chart, const Visit& visit) {
  const auto point = [&](double x, double y) {
    if (has_place(chart.x.scale, x) && has_place(chart.y.scale, y)) visit(x, y);
  };
  for (const ChartSeries& series : chart.series) {
    for (std::size_t i = 0; i < series.y.size(); ++i) point(series.x_at(i), series.y[i]);
  }
  for (const ChartMark& mark : chart.marks) point(mark.x, mark.y);
}

double room_around(AxisScale scale, double place) {
  if (scale == AxisScale::kLog) return 0.5;
  return std::abs(place) < kNarrowest ? 1 : std::abs(place) / 10;
}

AxisRange range_of(const ChartAxis& axis, Span span, double rim) {
  if (axis.low) span.low = on_ruler(axis.scale, *axis.low);
  if (axis.high) span.high = on_ruler(axis.scale, *axis.high);
  if (!axis.low) span.low = std::min(span.low, span.high);
  if (!axis.high) span.high = std::max(span.low, span.high);
  const double width = span.high - span.low;
  const double size = std::max(std::abs(span.low), std::abs(span.high));
  const bool is_one_number = width < kNarrowest || width < size * kRoundingNoise;
  const double room = is_one_number ? room_around(axis.scale, span.low) : width * rim;
  if (!axis.low) span.low -= room;
  if (!axis.high) span.high += room;
  return {axis.scale, axis.low.value_or(from_ruler(axis.scale, span.low)),
          axis.high.value_or(from_ruler(axis.scale, span.high))};
}

bool shows(const ChartAxis& axis, double value) {
  return (!axis.low || value >= *axis.low) && (!axis.high || value <= *axis.high);
}

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

std::string short_number(double number) {
  if (!std::isfinite(number)) return fmt::format("{}", number);
  if (number == 0) return "0";
  if (std::abs(number) < kLargestWhole && number == std::round(number)) return fmt::format("{:.0f}", number);
  if (std::abs(number) >= kLargestWhole || std::abs(number) < kSmallestFixed) {
    return without_zeros_before_exponent(with_exponent(number, kDigits - 1));
  }
  return without_trailing_zeros(fmt::format("{:.{}f}", number, std::max(0, kDigits - 1 - exponent_of(number))));
}

double TickStep::times(double k) const {
  const double whole = k * mantissa;
  return exponent < 0 ? whole / std::pow(10, -exponent) : whole * std::pow(10, exponent);
}

std::string tick_label(double value, const TickStep& step, double largest) {
  if (value == 0) return "0";
  const int decimals = std::max(0, -step.exponent);
  if (largest < kLargestFixed && decimals <= kMostDecimals) return fmt::format("{:.{}f}", value, decimals);
  return without_zeros_before_exponent(with_exponent(value, std::clamp(exponent_of(value) - step.exponent, 0, 15)));
}

double AxisRange::place_of(double value) const {
  const double from = on_ruler(scale, low);
  return (on_ruler(scale, value) - from) / (on_ruler(scale, high) - from);
}

std::optional<ChartRanges> ranges_of(const LineChart& chart, const Rim& rim) {
  Span all_x;
  Span all_y;
  Span shown_y;
  for_each_point(chart, [&](double x, double y) {
    all_x.add(on_ruler(chart.x.scale, x));
    all_y.add(on_ruler(chart.y.scale, y));
    if (shows(chart.x, x)) shown_y.add(on_ruler(chart.y.scale, y));
  });
  if (all_x.is_empty()) return std::nullopt;
  return ChartRanges{range_of(chart.x, all_x, rim.x), range_of(chart.y, shown_y.is_empty() ? all_y : shown_y, rim.y)};
}

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
