#include "margay/chart/legend.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "margay/chart/axis.h"
#include "margay/chart/text_canvas.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr std::string_view kGap = "   ";

struct Entry {
  std::string text;
  double width = 0;  ///< columns, with the gap behind it
};

Entry series_entry(const LineChart& chart, std::size_t series, const TextChartOptions& options, std::size_t room) {
  const std::string glyph = is_dotted(chart, options) ? "⠒⠒" : character_of(series, options.glyphs);
  const std::size_t beside_the_name = core::text_width(glyph) + 1;
  const std::string name = core::fitted(core::one_line(chart.series[series].name), room - beside_the_name);
  const std::size_t width = core::text_width(fmt::format("{} {}{}", glyph, name, kGap));
  const std::string shown = options.colour == TextColour::kAnsi ? ansi_coloured(glyph, series) : glyph;
  return {fmt::format("{} {}", shown, name), static_cast<double>(width)};
}

std::vector<Entry> entries_of(const LineChart& chart, const TextChartOptions& options, std::size_t room) {
  std::vector<Entry> entries;
  for (const std::size_t series : named_series(chart)) entries.push_back(series_entry(chart, series, options, room));
  std::size_t index = 0;
  for (const std::size_t mark : drawable_marks(chart)) {
    const std::string text = core::fitted(fmt::format("{} {}", letter_of(index++), mark_text(chart.marks[mark])), room);
    entries.push_back({text, static_cast<double>(core::text_width(text) + kGap.size())});
  }
  return entries;
}

}  // namespace

std::vector<LegendRow> legend_rows(const std::vector<double>& widths, double room) {
  std::vector<LegendRow> rows;
  double used = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (rows.empty() || used + widths[i] > room) {
      rows.push_back({i, i});
      used = 0;
    }
    used += widths[i];
    rows.back().end = i + 1;
  }
  return rows;
}

std::vector<std::size_t> named_series(const LineChart& chart) {
  std::vector<std::size_t> named;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    if (!chart.series[i].name.empty()) named.push_back(i);
  }
  return named;
}

std::vector<std::size_t> drawable_marks(const LineChart& chart) {
  std::vector<std::size_t> marks;
  for (std::size_t i = 0; i < chart.marks.size(); ++i) {
    if (has_place(chart.x.scale, chart.marks[i].x) && has_place(chart.y.scale, chart.marks[i].y)) marks.push_back(i);
  }
  return marks;
}

std::string mark_text(const ChartMark& mark) {
  return core::one_line(fmt::format("{}{}{}", mark.name, mark.name.empty() ? "" : " ", short_number(mark.x)));
}

bool is_dotted(const LineChart& chart, const TextChartOptions& options) {
  if (options.glyphs == TextGlyphs::kAscii) return false;
  return options.colour == TextColour::kAnsi || chart.series.size() < 2;
}

std::string character_of(std::size_t series, TextGlyphs glyphs) {
  constexpr std::array<const char*, 6> kAscii = {"*", "o", "+", "x", "#", "."};
  constexpr std::array<const char*, 6> kUnicode = {"•", "○", "+", "×", "■", "·"};
  const auto& characters = glyphs == TextGlyphs::kAscii ? kAscii : kUnicode;
  return characters[series % characters.size()];
}

std::string letter_of(std::size_t index) {
  constexpr std::string_view kLetters = "abcdefghijklmnpqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return std::string(1, index < kLetters.size() ? kLetters[index] : '?');
}

std::string text_legend(const LineChart& chart, const TextChartOptions& options, int indent, int room) {
  const std::vector<Entry> entries = entries_of(chart, options, static_cast<std::size_t>(room));
  std::vector<double> widths;
  for (const Entry& entry : entries) widths.push_back(entry.width);
  std::string text;
  for (const LegendRow& row : legend_rows(widths, room + static_cast<double>(kGap.size()))) {
    text += std::string(static_cast<std::size_t>(indent), ' ');
    for (std::size_t i = row.first; i < row.end; ++i) {
      text += entries[i].text;
      if (i + 1 < row.end) text += kGap;
    }
    text += "\n";
  }
  return text;
}

}  // namespace margay::chart
