#include "margay/chart/text_legend.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "margay/chart/chart_palette.h"
#include "margay/chart/legend.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr std::string_view kGap = "   ";

struct Entry {
  std::string text;
  double width = 0;  ///< columns, with the gap behind it
};

Entry series_entry(const LineChart& chart, std::size_t series, const TextChartOptions& options) {
  const std::string glyph = is_dotted(chart, options) ? "⠒⠒" : character_of(series, options.glyphs);
  const std::string name = core::one_line(chart.series[series].name);
  const std::size_t width = core::text_width(fmt::format("{} {}{}", glyph, name, kGap));
  const std::string shown = options.colour == TextColour::kAnsi ? ansi_coloured(glyph, series) : glyph;
  return {fmt::format("{} {}", shown, name), static_cast<double>(width)};
}

std::vector<Entry> entries_of(const LineChart& chart, const TextChartOptions& options) {
  std::vector<Entry> entries;
  for (const std::size_t series : named_series(chart)) entries.push_back(series_entry(chart, series, options));
  std::size_t index = 0;
  for (const std::size_t mark : drawable_marks(chart)) {
    const std::string text = fmt::format("{} {}", letter_of(index++), mark_text(chart.marks[mark]));
    entries.push_back({text, static_cast<double>(core::text_width(text) + kGap.size())});
  }
  return entries;
}

}  // namespace

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
  const std::vector<Entry> entries = entries_of(chart, options);
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
