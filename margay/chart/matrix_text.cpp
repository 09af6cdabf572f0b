#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "margay/chart/axis.h"
#include "margay/chart/matrix_chart.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr int kWidestRowName = 28;
constexpr int kFewestMatrixColumns = 8;
constexpr double kLeastSquare = 0.01;  // share of a square of several classes that is shown

/// The cells of the text: each stands for `bin` rows and columns of the matrix, and takes `cell` columns.
struct TextMatrix {
  std::size_t bin = 1;
  std::size_t squares = 1;
  int number = 0;  ///< columns of a row's number and of a value; 0 where cells are shades
  int cell = 1;
  int gutter = 0;              ///< columns of a row's name, with the space behind it
  std::vector<double> shares;  ///< [squares * squares]
  std::vector<double> values;  ///< the same, of numbers
};

int columns_of(const std::string& text) { return static_cast<int>(core::text_width(text)); }

int widest_number(const MatrixChart& chart) {
  int widest = columns_of(std::to_string(chart.names.size()));
  for (const MatrixCell& cell : chart.cells) widest = std::max(widest, columns_of(short_number(cell.value)));
  return widest;
}

int widest_name(const MatrixChart& chart, int columns) {
  int widest = 1;
  for (const std::string& name : chart.names) widest = std::max(widest, columns_of(core::one_line(name)));
  return std::min({widest, kWidestRowName, std::max(4, columns / 3)});
}

TextMatrix fitting(const MatrixChart& chart, int columns) {
  TextMatrix matrix;
  const int name = widest_name(chart, columns);
  const int number = widest_number(chart);
  const auto classes = static_cast<int>(std::min<std::size_t>(chart.names.size(), 1'000'000));
  if (number + 1 + name + classes * (number + 1) <= columns) {
    matrix.number = number;
    matrix.cell = number + 1;
  }
  matrix.gutter = matrix.number > 0 ? number + 1 + name : name + 1;
  const int room = std::max(kFewestMatrixColumns, columns - matrix.gutter);
  if (matrix.number == 0 && 2 * classes <= room) matrix.cell = 2;
  if (matrix.number == 0 && classes > room) matrix.bin = static_cast<std::size_t>((classes + room - 1) / room);
  matrix.squares = (chart.names.size() + matrix.bin - 1) / matrix.bin;
  return matrix;
}

void fill(const MatrixChart& chart, TextMatrix& matrix) {
  matrix.shares.assign(matrix.squares * matrix.squares, 0);
  matrix.values = matrix.shares;
  for (const MatrixCell& cell : chart.cells) {
    const std::size_t row = cell.row / matrix.bin;
    const std::size_t at = row * matrix.squares + cell.column / matrix.bin;
    const std::size_t rows = std::min(matrix.bin, chart.names.size() - row * matrix.bin);
    matrix.shares[at] += cell.share / static_cast<double>(rows);
    matrix.values[at] = cell.value;
  }
  for (double& share : matrix.shares) {
    share = std::min(1.0, share);
    if (matrix.bin > 1 && share < kLeastSquare) share = 0;
  }
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::string cell_text(const TextMatrix& matrix, std::size_t row, std::size_t column, const TextBlockOptions& options) {
  const std::size_t at = row * matrix.squares + column;
  const std::size_t series = row == column ? 0 : 1;
  const auto width = static_cast<std::size_t>(matrix.cell);
  if (matrix.number == 0) {
    if (!(matrix.shares[at] > 0)) return std::string(width, ' ');
    return block_coloured(repeated(shade_block(matrix.shares[at], options.glyphs), matrix.cell), series,
                          options.colour);
  }
  const std::string value = matrix.values[at] == 0 ? "." : short_number(matrix.values[at]);
  const std::string padded = core::padded(value, width, core::TextAlign::kRight);
  return matrix.values[at] == 0 ? padded : block_coloured(padded, series, options.colour);
}

std::string row_start(const MatrixChart& chart, const TextMatrix& matrix, std::size_t row) {
  const std::string& name = chart.names[row * matrix.bin];
  if (matrix.number == 0) return block_name(name, matrix.gutter - 1) + " ";
  return core::padded(std::to_string(row + 1), static_cast<std::size_t>(matrix.number), core::TextAlign::kRight) + " " +
         block_name(name, matrix.gutter - matrix.number - 1);
}

std::string numbers_line(const TextMatrix& matrix) {
  std::string line(static_cast<std::size_t>(matrix.gutter), ' ');
  for (std::size_t i = 0; i < matrix.squares; ++i) {
    line += core::padded(std::to_string(i + 1), static_cast<std::size_t>(matrix.cell), core::TextAlign::kRight);
  }
  return block_line(line);
}

/// Sentences in lines of at most so many columns, broken between words.
std::string wrapped(const std::string& text, int columns) {
  std::string lines;
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > columns) {
      lines += block_line(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    at = end + 1;
  }
  return lines + block_line(core::fitted(line, static_cast<std::size_t>(columns)));
}

std::string key_text(const MatrixChart& chart, const TextMatrix& matrix, const TextBlockOptions& options) {
  std::string text = fmt::format("rows: {}; columns: {}, in the same order", core::one_line(chart.rows_label),
                                 core::one_line(chart.columns_label));
  if (matrix.number > 0) return wrapped(text, options.columns);
  text +=
      fmt::format("; share of the row: {} up to 1/16, {} 1/4, {} 9/16, {} more", shade_block(0.01, options.glyphs),
                  shade_block(0.2, options.glyphs), shade_block(0.5, options.glyphs), shade_block(1, options.glyphs));
  if (matrix.bin > 1) {
    text += fmt::format(
        "; each character stands for {0} x {0} classes (below 1 % it is left out), and a row bears the name of its "
        "first",
        matrix.bin);
  }
  return wrapped(text, options.columns);
}

}  // namespace

std::string matrix_text(const MatrixChart& chart, const TextBlockOptions& options) {
  check_matrix("matrix_text", chart);
  core::validate(options);
  TextMatrix matrix = fitting(chart, options.columns);
  fill(chart, matrix);
  std::string text;
  if (!chart.title.empty()) text += block_line(block_name(chart.title, options.columns));
  text += key_text(chart, matrix, options);
  if (matrix.number > 0) text += numbers_line(matrix);
  for (std::size_t row = 0; row < matrix.squares; ++row) {
    std::string line = row_start(chart, matrix, row);
    for (std::size_t column = 0; column < matrix.squares; ++column) line += cell_text(matrix, row, column, options);
    text += block_line(line);
  }
  return text;
}

}  // namespace margay::chart
