#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/chart/text_blocks.h"

namespace margay::chart {

/// One cell of a matrix that is not empty.
struct MatrixCell {
  std::size_t row = 0;
  std::size_t column = 0;
  double value = 0;  ///< is written into the cell where there is room
  double share = 0;  ///< 0 … 1: how dark the cell is
};

/// A cell worth a name, which stands beside it where cells are too small for their values.
struct MatrixMark {
  std::size_t row = 0;
  std::size_t column = 0;
  std::string name;
};

/// Numbers in rows and columns, as shades: a confusion matrix. Cells that are not listed are empty, so that one of
/// 10,000 classes takes no more memory than its predictions. Rows and columns have the same names. Cells of the
/// diagonal have a colour of their own.
///
///     MatrixChart{.title = "Confusion matrix", .rows_label = "actual", .columns_label = "predicted",
///                 .names = {"cat", "dog"}, .cells = {{0, 0, 7, 0.7}, {0, 1, 3, 0.3}, {1, 1, 10, 1}}}
struct MatrixChart {
  std::string title;
  std::string rows_label;
  std::string columns_label;
  std::vector<std::string> names;
  std::vector<MatrixCell> cells;
  std::vector<MatrixMark> marks;
};

/// Throws std::invalid_argument, naming `function`, without names, for cells and marks outside the matrix, and for
/// shares that do not lie in 0 … 1.
void check_matrix(const char* function, const MatrixChart& chart);

/// The matrix as shapes; its size follows from the number of names. Up to about a hundred classes every cell shows its
/// value and every row its name; then cells become small squares, names stand at every second, third, … row, and the
/// marks name the cells that matter. Above 2,000 classes a square stands for several, in the shade of its darkest cell;
/// the drawing says so. Throws as check_matrix.
Drawing matrix_drawing(const MatrixChart& chart);

/// The matrix as text of at most `columns` columns: numbers where they have room, else shades (shade_block). Where
/// there are more classes than columns a shade stands for several, by the mean share of their rows; the text says so.
/// Rows have their names. Lines end as chart_text's do. Throws as check_matrix, and std::invalid_argument for options
/// out of range.
std::string matrix_text(const MatrixChart& chart, const TextBlockOptions& options = {});

}  // namespace margay::chart
