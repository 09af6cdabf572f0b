#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/line_chart.h"
#include "margay/chart/plot_frame.h"

namespace margay::chart {

/// The inside of a chart in a terminal: cells of one character, each in the colour of one series or in none.
class TextCanvas {
 public:
  TextCanvas(int columns, int rows);

  /// Lines of Braille dots, 2x4 to a cell (Unicode, U+2800); points are in dots.
  void draw_dots(const PlotRun& run, std::size_t series);
  /// Lines of one character; points are in cells.
  void draw_characters(const PlotRun& run, std::size_t series, const std::string& character);
  /// A letter at a cell, or beside it where a letter stands already.
  void put_letter(int column, int row, const std::string& letter);
  void put_text(int column, int row, const std::string& ascii);

  /// A row, without spaces at its end. With kAnsi, stretches of a series have its colour.
  std::string row_text(int row, TextColour colour) const;

 private:
  struct Cell {
    std::uint8_t dots = 0;
    std::string text;  ///< instead of the dots, unless empty
    std::optional<std::size_t> series;
    bool is_letter = false;
  };

  Cell* at(int column, int row);
  const Cell& at(int column, int row) const;

  int columns_;
  int rows_;
  std::vector<Cell> cells_;
};

/// The text in the colour of a series, for a terminal of 24-bit colours (ECMA-48, SGR 38;2).
std::string ansi_coloured(const std::string& text, std::size_t series);

}  // namespace margay::chart
