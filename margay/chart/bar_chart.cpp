#include "margay/chart/bar_chart.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr double kBarMargin = 16;
constexpr double kBarStep = 20;       // from one bar to the next
constexpr double kBarThickness = 12;  // of a bar
constexpr double kBarRoom = 220;      // for bars of full length
constexpr double kWidestBarName = 260;
constexpr double kBarHead = 56;  // title and label
constexpr double kColumnGap = 40;
constexpr std::size_t kBarsAColumn = 40;  // or more, so that the drawing is about as wide as high

void check_bars(const char* function, const BarChart& chart) {
  const auto refuse = [&](const std::string& problem) {
    throw std::invalid_argument(fmt::format("[{}] {}", function, problem));
  };
  if (chart.high && !(*chart.high > 0 && std::isfinite(*chart.high))) {
    refuse(fmt::format("high must be above 0, got {}", *chart.high));
  }
  for (const Bar& bar : chart.bars) {
    if (bar.value < 0) refuse(fmt::format("bars are not negative, '{}' is {}", bar.name, bar.value));
    if (bar.interval && bar.interval->low < 0) {
      refuse(fmt::format("intervals are not negative, that of '{}' begins at {}", bar.name, bar.interval->low));
    }
  }
}

bool has_interval(const Bar& bar) {
  return bar.interval && std::isfinite(bar.interval->low) && std::isfinite(bar.interval->high);
}

/// The number at the right end of the axis.
double high_of(const BarChart& chart) {
  if (chart.high) return *chart.high;
  double high = 0;
  for (const Bar& bar : chart.bars) {
    if (std::isfinite(bar.value)) high = std::max(high, bar.value);
    if (has_interval(bar)) high = std::max(high, bar.interval->high);
  }
  return high > 0 ? high : 1;
}

bool are_integers(const BarChart& chart) {
  return std::all_of(chart.bars.begin(), chart.bars.end(), [](const Bar& bar) {
    return !std::isfinite(bar.value) || (bar.value == std::floor(bar.value) && bar.value < 1e15 && !has_interval(bar));
  });
}

/// How the numbers of a chart are written.
class BarNumbers {
 public:
  explicit BarNumbers(const BarChart& chart) : digits_(are_integers(chart) ? 0 : 3) {}

  std::string operator()(double number) const {
    return std::isfinite(number) ? fmt::format("{:.{}f}", number, digits_) : "n/a";
  }
  std::string interval(const Bar& bar) const {
    return has_interval(bar) ? fmt::format("{} – {}", (*this)(bar.interval->low), (*this)(bar.interval->high)) : "";
  }

 private:
  int digits_;
};

std::string left_out_text(const BarChart& chart) {
  return chart.left_out == 0 ? "" : fmt::format("and {} more", chart.left_out);
}

/// Where the bars of a drawing stand.
struct BarPlan {
  std::size_t rows = 1;
  std::size_t columns = 1;
  double names_width = 0;
  double words_width = 0;
  double high = 1;

  double column_width() const { return names_width + 8 + kBarRoom + 12 + words_width; }
  double left(std::size_t bar) const {
    return kBarMargin + static_cast<double>(bar / rows) * (column_width() + kColumnGap);
  }
  double middle(std::size_t bar) const {
    return kBarMargin + kBarHead + (static_cast<double>(bar % rows) + 0.5) * kBarStep;
  }
  double length(double value) const { return kBarRoom * std::clamp(value / high, 0.0, 1.0); }
};

std::string words_of(const Bar& bar, const BarNumbers& numbers) {
  std::string words = numbers(bar.value);
  const std::string interval = numbers.interval(bar);
  if (!interval.empty()) words += " (" + interval + ")";
  return core::one_line(bar.note.empty() ? words : words + "  " + bar.note);
}

BarPlan plan_of(const BarChart& chart, const BarNumbers& numbers) {
  BarPlan plan{.high = high_of(chart)};
  for (const Bar& bar : chart.bars) {
    plan.names_width = std::max(plan.names_width, std::min(kWidestBarName, text_width_px(core::one_line(bar.name))));
    plan.words_width = std::max(plan.words_width, text_width_px(words_of(bar, numbers)));
  }
  const auto count = static_cast<double>(std::max<std::size_t>(1, chart.bars.size()));
  const double square = std::sqrt(count * (plan.column_width() + kColumnGap) / kBarStep);
  plan.rows =
      std::min(static_cast<std::size_t>(count), std::max(kBarsAColumn, static_cast<std::size_t>(std::ceil(square))));
  plan.columns = (static_cast<std::size_t>(count) + plan.rows - 1) / plan.rows;
  return plan;
}

void draw_bar(const Bar& bar, const BarPlan& plan, double left, double y, const BarNumbers& numbers, Drawing& drawing) {
  const std::string words = words_of(bar, numbers);
  const double zero = left + plan.names_width + 8;
  drawing.shapes.emplace_back(DrawnText{.at = {zero - 8, y},
                                        .text = core::one_line(bar.name),
                                        .anchor = TextAnchor::kEnd,
                                        .paint = {Role::kInk},
                                        .room_px = plan.names_width});
  drawing.shapes.emplace_back(
      DrawnBox{{zero, y - kBarThickness / 2, zero + kBarRoom, y + kBarThickness / 2}, {Role::kGrid}});
  if (std::isfinite(bar.value)) {
    drawing.shapes.emplace_back(
        DrawnBox{{zero, y - kBarThickness / 2, zero + plan.length(bar.value), y + kBarThickness / 2},
                 {.role = Role::kSeries, .series = 0},
                 core::one_line(bar.name) + ": " + words});
  }
  if (has_interval(bar)) {
    const double low = zero + plan.length(bar.interval->low);
    const double high = zero + plan.length(bar.interval->high);
    drawing.shapes.emplace_back(DrawnLine{{{low, y}, {high, y}}, {Role::kInk}, 1.5});
    for (const double end : {low, high}) {
      drawing.shapes.emplace_back(DrawnLine{{{end, y - 3}, {end, y + 3}}, {Role::kInk}, 1.5});
    }
  }
  drawing.shapes.emplace_back(
      DrawnText{.at = {zero + kBarRoom + 12, y}, .text = words, .paint = {Role::kSoft}, .room_px = plan.words_width});
}

void draw_bar_head(const BarChart& chart, Drawing& drawing) {
  const double room = drawing.width - 2 * kBarMargin;
  drawing.shapes.emplace_back(DrawnText{.at = {kBarMargin, kBarMargin + 8},
                                        .text = core::one_line(chart.title),
                                        .paint = {Role::kInk},
                                        .weight = TextWeight::kBold,
                                        .room_px = room});
  drawing.shapes.emplace_back(DrawnText{.at = {kBarMargin, kBarMargin + 32},
                                        .text = core::one_line(chart.label),
                                        .paint = {Role::kSoft},
                                        .room_px = room});
}

/// The columns of a line of text.
struct BarColumns {
  int name = 1;
  int bar = 0;
  int number = 1;
  int interval = 0;
  int note = 0;

  int total() const {
    int sum = name + 1 + number;
    for (const int part : {bar, interval, note}) sum += part > 0 ? part + 2 : 0;
    return sum;
  }
};

int columns_taken(const std::string& text) { return static_cast<int>(core::text_width(text)); }

/// Gives up what matters least until the line fits.
BarColumns bar_columns(const BarChart& chart, const BarNumbers& numbers, int columns) {
  constexpr int kLongestName = 32;
  constexpr int kShortestBar = 6;
  constexpr int kLongestBar = 30;
  BarColumns line;
  for (const Bar& bar : chart.bars) {
    line.name = std::max(line.name, std::min(kLongestName, columns_taken(core::one_line(bar.name))));
    line.number = std::max(line.number, columns_taken(numbers(bar.value)));
    line.interval = std::max(line.interval, columns_taken(numbers.interval(bar)));
    line.note = std::max(line.note, columns_taken(core::one_line(bar.note)));
  }
  line.bar = kShortestBar;
  for (int BarColumns::*part : {&BarColumns::note, &BarColumns::interval, &BarColumns::bar}) {
    if (line.total() > columns) line.*part = 0;
  }
  line.name = std::max(1, std::min(line.name, line.name + columns - line.total()));
  if (line.bar > 0) line.bar = std::clamp(line.bar + columns - line.total(), kShortestBar, kLongestBar);
  return line;
}

std::string right_of(const std::string& text, int columns) {
  return core::padded(text, static_cast<std::size_t>(columns), core::TextAlign::kRight);
}

std::string bar_line(const Bar& bar, const BarColumns& line, double high, const BarNumbers& numbers,
                     const TextBlockOptions& options) {
  std::string text = block_name(bar.name, line.name) + " ";
  if (line.bar > 0) {
    const std::string drawn = block_bar(bar.value / high, line.bar, options.glyphs);
    text += block_coloured(drawn, 0, drawn.empty() ? TextColour::kNone : options.colour);
    text += std::string(static_cast<std::size_t>(std::max(0, line.bar + 2 - columns_taken(drawn))), ' ');
  }
  text += right_of(numbers(bar.value), line.number);
  if (line.interval > 0) text += "  " + core::padded(numbers.interval(bar), static_cast<std::size_t>(line.interval));
  if (line.note > 0) text += "  " + core::one_line(bar.note);
  return block_line(text);
}

}  // namespace

Drawing bar_drawing(const BarChart& chart) {
  check_bars("bar_drawing", chart);
  const BarNumbers numbers(chart);
  const BarPlan plan = plan_of(chart, numbers);
  const auto columns = static_cast<double>(plan.columns);
  const double width = 2 * kBarMargin + columns * plan.column_width() + (columns - 1) * kColumnGap;
  const double height = 2 * kBarMargin + kBarHead + (static_cast<double>(plan.rows) + 1) * kBarStep;
  Drawing drawing{.width = static_cast<int>(std::max(480.0, std::ceil(width))),
                  .height = static_cast<int>(std::ceil(height)),
                  .title = core::one_line(chart.label.empty() ? chart.title : chart.title + ": " + chart.label),
                  .shapes = {}};
  draw_bar_head(chart, drawing);
  for (std::size_t i = 0; i < chart.bars.size(); ++i) {
    draw_bar(chart.bars[i], plan, plan.left(i), plan.middle(i), numbers, drawing);
  }
  const std::string last = chart.bars.empty() ? "no data" : left_out_text(chart);
  drawing.shapes.emplace_back(
      DrawnText{.at = {kBarMargin, height - kBarMargin - kBarStep / 2}, .text = last, .paint = {Role::kSoft}});
  return drawing;
}

std::string bar_text(const BarChart& chart, const TextBlockOptions& options) {
  check_bars("bar_text", chart);
  core::validate(options);
  const BarNumbers numbers(chart);
  const BarColumns line = bar_columns(chart, numbers, options.columns);
  std::string text;
  for (const std::string& words : {chart.title, chart.label}) {
    if (!words.empty()) text += block_line(block_name(words, options.columns));
  }
  for (const Bar& bar : chart.bars) text += bar_line(bar, line, high_of(chart), numbers, options);
  if (chart.bars.empty()) text += "no data\n";
  if (chart.left_out > 0) text += left_out_text(chart) + "\n";
  return text;
}

}  // namespace margay::chart
