#include "margay/chart/text_canvas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "margay/chart/drawing.h"

namespace margay::chart {
namespace {

constexpr int kDotsAcross = 2;
constexpr int kDotsDown = 4;

/// The bits of a Braille character, by row and column of its dots.
constexpr std::array<std::array<std::uint8_t, kDotsAcross>, kDotsDown> kDotBits = {
    {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};

/// U+2800 + dots in UTF-8.
std::string braille(std::uint8_t dots) {
  return {'\xE2', static_cast<char>(0xA0 | (dots >> 6)), static_cast<char>(0x80 | (dots & 0x3F))};
}

/// Calls visit(x, y) for each whole place on the line, one for each step along its longer side.
template <class Visit>
void walk(const PlotPoint& from, const PlotPoint& to, const Visit& visit) {
  const double length = std::max(std::abs(to.x - from.x), std::abs(to.y - from.y));
  const int steps = std::max(1, static_cast<int>(std::ceil(length)));
  for (int i = 0; i <= steps; ++i) {
    const double along = static_cast<double>(i) / steps;
    visit(static_cast<int>(std::lround(from.x + along * (to.x - from.x))),
          static_cast<int>(std::lround(from.y + along * (to.y - from.y))));
  }
}

template <class Visit>
void walk(const PlotRun& run, const Visit& visit) {
  if (run.size() == 1) walk(run[0], run[0], visit);
  for (std::size_t i = 1; i < run.size(); ++i) walk(run[i - 1], run[i], visit);
}

}  // namespace

TextCanvas::TextCanvas(int columns, int rows)
    : columns_(columns), rows_(rows), cells_(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}

TextCanvas::Cell* TextCanvas::at(int column, int row) {
  const bool is_inside = column >= 0 && column < columns_ && row >= 0 && row < rows_;
  return is_inside ? &cells_[static_cast<std::size_t>(row * columns_ + column)] : nullptr;
}

const TextCanvas::Cell& TextCanvas::at(int column, int row) const {
  return cells_[static_cast<std::size_t>(row * columns_ + column)];
}

void TextCanvas::draw_dots(const PlotRun& run, std::size_t series) {
  walk(run, [&](int x, int y) {
    Cell* cell = at(x / kDotsAcross, y / kDotsDown);
    if (cell == nullptr) return;
    cell->dots |= kDotBits[static_cast<std::size_t>(y % kDotsDown)][static_cast<std::size_t>(x % kDotsAcross)];
    cell->series = series;
  });
}

void TextCanvas::draw_characters(const PlotRun& run, std::size_t series, const std::string& character) {
  walk(run, [&](int x, int y) {
    if (Cell* cell = at(x, y)) *cell = {.text = character, .series = series};
  });
}

void TextCanvas::put_letter(int column, int row, const std::string& letter) {
  constexpr std::array<std::pair<int, int>, 9> kNearby = {
      {{0, 0}, {1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {-1, -1}, {1, 1}, {-1, 1}}};
  for (const auto& [right, down] : kNearby) {
    Cell* cell = at(column + right, row + down);
    if (cell == nullptr || cell->is_letter) continue;
    *cell = {.text = letter, .series = std::nullopt, .is_letter = true};
    return;
  }
}

void TextCanvas::put_text(int column, int row, const std::string& ascii) {
  for (const char c : ascii) {
    if (Cell* cell = at(column++, row)) cell->text = std::string(1, c);
  }
}

std::string TextCanvas::row_text(int row, TextColour colour) const {
  std::string text;
  std::string stretch;
  std::optional<std::size_t> series;
  const auto finish = [&] {
    text += series && colour == TextColour::kAnsi && !stretch.empty() ? ansi_coloured(stretch, *series) : stretch;
    stretch.clear();
  };
  int end = columns_;
  while (end > 0 && at(end - 1, row).text.empty() && at(end - 1, row).dots == 0) --end;
  for (int column = 0; column < end; ++column) {
    const Cell& cell = at(column, row);
    if (cell.series != series) finish();
    series = cell.series;
    stretch += !cell.text.empty() ? cell.text : cell.dots != 0 ? braille(cell.dots) : " ";
  }
  finish();
  return text;
}

std::string ansi_coloured(const std::string& text, std::size_t series) {
  const Rgb colour = series_colour(series);
  return fmt::format("\x1b[38;2;{};{};{}m{}\x1b[0m", colour.red, colour.green, colour.blue, text);
}

}  // namespace margay::chart
