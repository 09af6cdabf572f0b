#include "margay/chart/matrix_chart.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/chart/axis.h"
#include "margay/chart/label_places.h"
#include "margay/core/text.h"

namespace margay::chart {
namespace {

constexpr double kMatrixSide = 2000;    // of the cells together, pixels, at most
constexpr double kNamedCell = 15;       // from this size on every row has its name
constexpr double kLeastValueCell = 18;  // from this size on cells show their values
constexpr double kLargestCell = 64;     // of two classes
constexpr double kValueLetters = 11;    // pixels
constexpr double kMatrixMargin = 16;    // around everything
constexpr double kWidestName = 230;     // longer names are shortened
constexpr double kMatrixHead = 96;      // title, axes, scale
constexpr double kWhiteFrom = 0.6;      // opacity of cells whose values are white
constexpr double kFaintest = 0.14;      // opacity of the smallest share
constexpr double kFaintestDot = 0.4;    // where a cell is a dot of few pixels
constexpr double kMostCells = 20000;    // that an SVG has as shapes
constexpr std::size_t kDiagonalColour = 0;
constexpr std::size_t kOtherColour = 1;

/// Equal steps of the root: one image of a hundred still shows.
double opacity_of_share(double share, double faintest) {
  return share > 0 ? faintest + (1 - faintest) * std::sqrt(share) : 0;
}

Paint shade_of(bool is_diagonal, double share, double faintest) {
  return {.role = Role::kSeries,
          .series = is_diagonal ? kDiagonalColour : kOtherColour,
          .opacity = opacity_of_share(share, faintest)};
}

/// The matrix in squares, and where they stand.
struct MatrixPlan {
  std::size_t bin = 1;      ///< classes a square
  std::size_t squares = 1;  ///< a side
  double cell = 1;          ///< pixels a side
  bool has_values = false;
  std::size_t name_step = 1;  ///< squares from one name to the next
  double names_width = 0;
  PlotBox box;

  PlotBox square(std::size_t row, std::size_t column) const {
    const double left = box.left + cell * static_cast<double>(column / bin);
    const double top = box.top + cell * static_cast<double>(row / bin);
    return {left, top, left + cell, top + cell};
  }
  double faintest() const { return has_values ? kFaintest : kFaintestDot; }
  double middle(std::size_t square) const { return cell * (static_cast<double>(square) + 0.5); }
};

double widest_value(const MatrixChart& chart) {
  double widest = 0;
  for (const MatrixCell& cell : chart.cells) widest = std::max(widest, text_width_px(short_number(cell.value)));
  return widest * kValueLetters / kTextHeight;
}

void choose_cell(const MatrixChart& chart, MatrixPlan& plan) {
  const auto count = static_cast<double>(plan.squares);
  const double wanted = std::max(kLeastValueCell, widest_value(chart) + 4);
  plan.has_values = plan.bin == 1 && wanted * count <= kMatrixSide;
  plan.cell = plan.has_values ? std::max(wanted, std::min(kLargestCell, std::floor(480 / count)))
                              : std::max(1.0, std::floor(kMatrixSide / count));
  plan.name_step = static_cast<std::size_t>(std::max(1.0, std::ceil(kNamedCell / plan.cell)));
}

MatrixPlan plan_of(const MatrixChart& chart) {
  MatrixPlan plan;
  const std::size_t classes = chart.names.size();
  plan.bin = (classes + static_cast<std::size_t>(kMatrixSide) - 1) / static_cast<std::size_t>(kMatrixSide);
  plan.squares = (classes + plan.bin - 1) / plan.bin;
  choose_cell(chart, plan);
  for (std::size_t i = 0; i < plan.squares; i += plan.name_step) {
    plan.names_width = std::max(plan.names_width, std::min(kWidestName, text_width_px(chart.names[i * plan.bin])));
  }
  const double side = plan.cell * static_cast<double>(plan.squares);
  const double left = kMatrixMargin + plan.names_width + 12;
  const double top = kMatrixMargin + kMatrixHead;
  plan.box = {left, top, left + side, top + side};
  return plan;
}

void write(Drawing& drawing, const PlotPoint& at, const std::string& text, Role role, double room,
           TextAnchor anchor = TextAnchor::kStart) {
  drawing.shapes.emplace_back(
      DrawnText{.at = at, .text = core::one_line(text), .anchor = anchor, .paint = {role}, .room_px = room});
}

/// Every name that has a square, beside the rows and below the columns.
void draw_names(const MatrixChart& chart, const MatrixPlan& plan, Drawing& drawing) {
  for (std::size_t i = 0; i < plan.squares; i += plan.name_step) {
    const std::string name = core::one_line(chart.names[i * plan.bin]);
    const double y = plan.box.top + plan.middle(i);
    const double x = plan.box.left + plan.middle(i);
    if (plan.name_step > 1) {
      drawing.shapes.emplace_back(DrawnLine{{{plan.box.left - 6, y}, {plan.box.left - 1, y}}, {Role::kSoft}, 1});
      drawing.shapes.emplace_back(DrawnLine{{{x, plan.box.bottom + 1}, {x, plan.box.bottom + 6}}, {Role::kSoft}, 1});
    }
    write(drawing, {plan.box.left - 8, y}, name, Role::kInk, plan.names_width, TextAnchor::kEnd);
    drawing.shapes.emplace_back(DrawnText{.at = {x, plan.box.bottom + 8},
                                          .text = name,
                                          .anchor = TextAnchor::kEnd,
                                          .paint = {Role::kInk},
                                          .room_px = plan.names_width,
                                          .turn = TextTurn::kUpwards});
  }
}

std::string axes_text(const MatrixChart& chart, const MatrixPlan& plan) {
  std::string text = fmt::format("rows: {}; columns: {}", chart.rows_label, chart.columns_label);
  if (plan.bin > 1) {
    text += fmt::format("; a square stands for {0} x {0} classes, as dark as its darkest", plan.bin);
  } else if (plan.name_step > 1) {
    text += fmt::format("; every {}th class has its name", plan.name_step);
  }
  return text;
}

/// What the shades mean, for both colours.
void draw_scale(double left, double top, double right, double faintest, Drawing& drawing) {
  constexpr double kSwatch = 44;
  double x = left;
  for (const double share : {0.01, 0.05, 0.25, 0.5, 1.0}) {
    drawing.shapes.emplace_back(DrawnBox{{x, top, x + kSwatch - 2, top + 8}, shade_of(true, share, faintest)});
    drawing.shapes.emplace_back(DrawnBox{{x, top + 10, x + kSwatch - 2, top + 18}, shade_of(false, share, faintest)});
    drawing.shapes.emplace_back(DrawnText{.at = {x + kSwatch / 2 - 1, top + 27},
                                          .text = fmt::format("{:g} %", 100 * share),
                                          .anchor = TextAnchor::kMiddle,
                                          .paint = {Role::kSoft},
                                          .size_px = kValueLetters});
    x += kSwatch;
  }
  write(drawing, {x + 8, top + 9}, "of the row (blue: right, orange: wrong)", Role::kSoft, right - x - 8);
}

void draw_head(const MatrixChart& chart, const MatrixPlan& plan, Drawing& drawing) {
  const double right = drawing.width - kMatrixMargin;
  const double room = right - kMatrixMargin;
  drawing.shapes.emplace_back(DrawnText{.at = {kMatrixMargin, kMatrixMargin + 8},
                                        .text = core::one_line(chart.title),
                                        .paint = {Role::kInk},
                                        .weight = TextWeight::kBold,
                                        .room_px = room});
  write(drawing, {kMatrixMargin, kMatrixMargin + 30}, axes_text(chart, plan), Role::kSoft, room);
  draw_scale(kMatrixMargin, kMatrixMargin + 46, right, plan.faintest(), drawing);
}

void draw_grid(const MatrixPlan& plan, Drawing& drawing) {
  const PlotBox& box = plan.box;
  const std::size_t step = plan.has_values ? 1 : plan.squares;
  for (std::size_t i = 0; i <= plan.squares; i += step) {
    const double x = std::floor(box.left + plan.cell * static_cast<double>(i)) + 0.5;
    const double y = std::floor(box.top + plan.cell * static_cast<double>(i)) + 0.5;
    drawing.shapes.emplace_back(DrawnLine{{{x, box.top}, {x, box.bottom}}, {Role::kGrid}, 1});
    drawing.shapes.emplace_back(DrawnLine{{{box.left, y}, {box.right, y}}, {Role::kGrid}, 1});
  }
}

std::string words_of(const MatrixChart& chart, const MatrixCell& cell) {
  return core::one_line(fmt::format("{} {}, {} {}: {} ({:.1f} %)", chart.rows_label, chart.names[cell.row],
                                    chart.columns_label, chart.names[cell.column], short_number(cell.value),
                                    100 * cell.share));
}

/// Cells with values, and the mouse is told whose they are.
void draw_cells(const MatrixChart& chart, const MatrixPlan& plan, Drawing& drawing) {
  for (const MatrixCell& cell : chart.cells) {
    const PlotBox square = plan.square(cell.row, cell.column);
    const Paint shade = shade_of(cell.row == cell.column, cell.share, plan.faintest());
    drawing.shapes.emplace_back(DrawnBox{square, shade, words_of(chart, cell)});
    if (!plan.has_values) continue;
    const Paint white = {.role = Role::kColour, .colour = {255, 255, 255}};
    drawing.shapes.emplace_back(DrawnText{.at = {(square.left + square.right) / 2, (square.top + square.bottom) / 2},
                                          .text = short_number(cell.value),
                                          .anchor = TextAnchor::kMiddle,
                                          .paint = shade.opacity > kWhiteFrom ? white : Paint{Role::kInk},
                                          .size_px = kValueLetters});
  }
}

/// The darkest cell of every square.
std::map<std::pair<std::size_t, std::size_t>, double> squares_of(const MatrixChart& chart, const MatrixPlan& plan) {
  std::map<std::pair<std::size_t, std::size_t>, double> squares;
  for (const MatrixCell& cell : chart.cells) {
    double& share = squares[{cell.row / plan.bin, cell.column / plan.bin}];
    share = std::max(share, cell.share);
  }
  return squares;
}

std::uint8_t mixed(std::uint8_t colour, double opacity) {
  return static_cast<std::uint8_t>(std::lround(255 + opacity * (colour - 255.0)));
}

/// More cells than an SVG should have as shapes: one image.
void draw_cells_as_image(const MatrixChart& chart, const MatrixPlan& plan, Drawing& drawing) {
  const int cell = static_cast<int>(plan.cell);
  const int side = cell * static_cast<int>(plan.squares);
  core::Image image(side, side);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{255});
  for (const auto& [at, share] : squares_of(chart, plan)) {
    const Paint shade = shade_of(at.first == at.second, share, plan.faintest());
    const Rgb colour = light_colour(shade);
    for (int y = 0; y < cell; ++y) {
      std::uint8_t* pixel = image.row(static_cast<int>(at.first) * cell + y) + 3 * static_cast<int>(at.second) * cell;
      for (int x = 0; x < cell; ++x, pixel += 3) {
        pixel[0] = mixed(colour.red, shade.opacity);
        pixel[1] = mixed(colour.green, shade.opacity);
        pixel[2] = mixed(colour.blue, shade.opacity);
      }
    }
  }
  drawing.shapes.emplace_back(DrawnImage{std::move(image), plan.box});
}

/// Names beside the cells that matter, on a card of their own so that they can be read over other cells.
void draw_marks(const MatrixChart& chart, const MatrixPlan& plan, Drawing& drawing) {
  std::vector<LabelWish> wishes;
  for (const MatrixMark& mark : chart.marks) {
    const PlotBox square = plan.square(mark.row, mark.column);
    const PlotPoint at = {(square.left + square.right) / 2, (square.top + square.bottom) / 2};
    wishes.push_back({at, std::min(text_width_px(mark.name), plan.box.width() / 2), kTextHeight});
  }
  const std::vector<PlotBox> places = label_places(wishes, {}, plan.box);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const PlotPoint at = wishes[i].at;
    drawing.shapes.emplace_back(DrawnLine{{at, nearest_in(places[i], at)}, {Role::kSoft}, 1});
    drawing.shapes.emplace_back(DrawnDisc{at, 3, {Role::kInk}, core::one_line(chart.marks[i].name)});
    drawing.shapes.emplace_back(DrawnBox{places[i], {.role = Role::kCard, .opacity = 0.8}});
    write(drawing, {places[i].left, (places[i].top + places[i].bottom) / 2}, chart.marks[i].name, Role::kInk,
          places[i].width());
  }
}

std::string ordinal_check(std::size_t row, std::size_t column) { return fmt::format("row {}, column {}", row, column); }

}  // namespace

void check_matrix(const char* function, const MatrixChart& chart) {
  const auto refuse = [&](const std::string& problem) {
    throw std::invalid_argument(fmt::format("[{}] {}", function, problem));
  };
  const std::size_t side = chart.names.size();
  if (side == 0) refuse("the matrix has no names");
  for (const MatrixCell& cell : chart.cells) {
    const std::string where = ordinal_check(cell.row, cell.column);
    if (cell.row >= side || cell.column >= side) refuse(fmt::format("no cell has {} of {} names", where, side));
    if (!(cell.share >= 0 && cell.share <= 1)) {
      refuse(fmt::format("shares lie in 0 … 1, got {} in {}", cell.share, where));
    }
  }
  for (const MatrixMark& mark : chart.marks) {
    if (mark.row < side && mark.column < side) continue;
    refuse(fmt::format("no mark has {} of {} names", ordinal_check(mark.row, mark.column), side));
  }
}

Drawing matrix_drawing(const MatrixChart& chart) {
  check_matrix("matrix_drawing", chart);
  const MatrixPlan plan = plan_of(chart);
  Drawing drawing{
      .width = static_cast<int>(std::max(560.0, plan.box.right + 2 * kMatrixMargin)),
      .height = static_cast<int>(plan.box.bottom + plan.names_width + 8 + 2 * kMatrixMargin),
      .title = core::one_line(fmt::format("{}: {} by {}", chart.title, chart.rows_label, chart.columns_label)),
      .shapes = {}};
  draw_head(chart, plan, drawing);
  if (plan.bin == 1 && static_cast<double>(chart.cells.size()) <= kMostCells) {
    draw_cells(chart, plan, drawing);
  } else {
    draw_cells_as_image(chart, plan, drawing);
  }
  draw_grid(plan, drawing);
  draw_names(chart, plan, drawing);
  if (!plan.has_values) draw_marks(chart, plan, drawing);
  return drawing;
}

}  // namespace margay::chart
