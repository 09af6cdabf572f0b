#include "margay/interpret/xray_figures.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "margay/core/html_escape.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {
namespace {

/// From p and -log p to the drawing's units. The room above the highest point is for its numbers.
class Frame {
 public:
  explicit Frame(double highest) : top_(std::clamp(std::ceil(highest * 1.15), 5.0, kHighest)) {}

  double top() const { return top_; }
  double x(double p) const { return kLeft + p * kWidth; }
  double y(double loss) const { return kTop + (1 - std::min(loss, top_) / top_) * kHeight; }
  double x_of(double loss) const { return x(std::exp(-loss)); }

  static constexpr double kLeft = 46;  // room for two digits, and for half of a point that lies on the axis
  static constexpr double kTop = 26;
  static constexpr double kWidth = 296;
  static constexpr double kHeight = 190;

 private:
  static constexpr double kHighest = 40;
  double top_;
};

/// The curve between two heights, as the points of a polyline; closer together at the foot, where it bends.
std::string points_between(const Frame& frame, double low, double high) {
  constexpr int kPieces = 72;
  std::string points;
  for (int i = 0; i <= kPieces; ++i) {
    const double along = static_cast<double>(i) / kPieces;
    const double loss = low + (high - low) * along * along;
    points += fmt::format("{:.1f},{:.1f} ", frame.x_of(loss), frame.y(loss));
  }
  points.pop_back();
  return points;
}

std::string axes(const Frame& frame) {
  std::string svg;
  const double step = frame.top() > 10 ? 5 : 1;
  for (double loss = 0; loss <= frame.top(); loss += step) {
    svg += fmt::format(
        R"(<path class="grid" d="M{:.1f} {:.1f}H{:.1f}"/><text class="end" x="{:.1f}" y="{:.1f}">{}</text>)",
        Frame::kLeft, frame.y(loss), Frame::kLeft + Frame::kWidth, Frame::kLeft - 10, frame.y(loss) + 4, loss);
  }
  for (const double p : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += fmt::format(R"(<text class="mid" x="{:.1f}" y="{:.1f}">{:g}</text>)", frame.x(p), frame.y(0) + 17, p);
  }
  svg +=
      fmt::format(R"(<text class="mid" x="{:.1f}" y="{:.1f}">p of the target</text>)", frame.x(0.5), frame.y(0) + 33);
  svg += fmt::format(R"(<text x="{:.1f}" y="12">−log p</text>)", Frame::kLeft - 40);
  return svg + fmt::format(R"(<path class="axis" d="M{:.1f} {:.1f}V{:.1f}H{:.1f}"/>)", frame.x(0), frame.y(frame.top()),
                           frame.y(0), frame.x(1));
}

std::string circle(const Frame& frame, const CurvePoint& point, const char* style, double radius) {
  return fmt::format(
      R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}: p = {}, -log p = {}</title></circle>)", style,
      frame.x_of(point.loss), frame.y(point.loss), radius, core::html_escaped(point.name),
      number_text(std::exp(-point.loss)), number_text(point.loss));
}

std::string picked(const Frame& frame, const CurvePoint& point) {
  const double x = frame.x_of(point.loss);
  const double y = frame.y(point.loss);
  const bool is_near_the_edge = x > frame.x(0.82);  // there the number grows to the left, above the curve
  return fmt::format(R"(<path class="guide" d="M{:.1f} {:.1f}H{:.1f}V{:.1f}"/>)", frame.x(0), y, x, frame.y(0)) +
         circle(frame, point, "picked", 5.5) +
         fmt::format(R"(<text class="value {}" x="{:.1f}" y="{:.1f}">{}</text>)", is_near_the_edge ? "end" : "start",
                     is_near_the_edge ? x + 4 : x + 9, is_near_the_edge ? y - 18 : y - 9, number_text(point.loss));
}

std::string drawn(const Frame& frame, const CurvePoint& point) {
  switch (point.kind) {
    case CurvePoint::Kind::kPicked:
      return picked(frame, point);
    case CurvePoint::Kind::kAfter:
      return circle(frame, point, "after", 4.5);
    case CurvePoint::Kind::kOther:
      return circle(frame, point, "other", 3.5);
  }
  return "";
}

const CurvePoint* find(const std::vector<CurvePoint>& points, CurvePoint::Kind kind) {
  const auto found = std::find_if(points.begin(), points.end(), [&](const auto& each) { return each.kind == kind; });
  return found == points.end() ? nullptr : &*found;
}

std::string moved(const Frame& frame, const std::vector<CurvePoint>& points) {
  const CurvePoint* from = find(points, CurvePoint::Kind::kPicked);
  const CurvePoint* to = find(points, CurvePoint::Kind::kAfter);
  if (from == nullptr || to == nullptr) return "";
  const auto [low, high] = std::minmax({std::min(from->loss, frame.top()), std::min(to->loss, frame.top())});
  return fmt::format(R"(<polyline class="moved" points="{}"/>)", points_between(frame, low, high));
}

}  // namespace

std::string nll_curve_svg(const std::vector<CurvePoint>& points) {
  double highest = 0;
  for (const CurvePoint& point : points) highest = std::max(highest, point.loss);
  const Frame frame(highest);
  std::string svg = R"(<svg class="nll" viewBox="0 0 356 254" role="img" aria-label="-log p over p">)";
  svg += axes(frame);
  svg += fmt::format(R"(<polyline class="curve" points="{}"/>)", points_between(frame, 0, frame.top()));
  svg += moved(frame, points);
  for (const auto kind : {CurvePoint::Kind::kOther, CurvePoint::Kind::kAfter, CurvePoint::Kind::kPicked}) {
    for (const CurvePoint& point : points) svg += point.kind == kind ? drawn(frame, point) : "";
  }
  return svg + "</svg>";
}

namespace {

std::string cell(const std::string& content) { return fmt::format("<td>{}</td>", content); }

std::string name_cell(const std::string& name) {
  const std::string escaped = core::html_escaped(name);
  return fmt::format(R"(<td title="{0}">{0}</td>)", escaped);
}

std::string bar_cell(double fraction) { return fmt::format(R"(<td class="bars">{}</td>)", html_bar(fraction)); }

/// The bar lies left of the middle where a step raises the activation, right of it where it lowers it. `widest` has the
/// whole half.
std::string gradient_cells(double value, double widest) {
  const double percent = std::min(std::abs(value) / widest, 1.0) * 100;
  const std::string left = value < 0 ? fmt::format(R"(<i class="down" style="width:{:.2f}%"></i>)", percent) : "";
  const std::string right = value > 0 ? fmt::format(R"(<i class="up" style="width:{:.2f}%"></i>)", percent) : "";
  return fmt::format(R"(<td class="signed"><div class="half"><span>{}</span><span>{}</span></div></td>)", left, right) +
         cell(signed_text(value));
}

std::string table_line(const std::string& cells, bool is_target) {
  return fmt::format("<tr{}>{}</tr>\n", is_target ? R"( class="target")" : "", cells);
}

std::string table(const std::vector<const char*>& titles, const std::string& lines) {
  std::string head;
  for (const char* title : titles) head += fmt::format("<th>{}</th>", title);
  return fmt::format("<table><thead><tr>{}</tr></thead><tbody>\n{}</tbody></table>", head, lines);
}

std::string table_cells_of(const SoftmaxTerm& term, bool has_target) {
  return name_cell(term.name) + cell(number_text(term.activation)) + cell(number_text(term.sigmoid)) +
         cell(number_text(term.exp)) + bar_cell(term.probability) + cell(number_text(term.probability)) +
         cell(number_text(term.negative_log)) + (has_target ? gradient_cells(term.gradient, 1) : "");
}

std::string table_sums_of(const SoftmaxRow& row) {
  return fmt::format(R"(<tr class="sum"><td>sum of all {}</td><td></td>{}{}<td></td>{}<td></td>{}</tr>)",
                     row.classes.size(), cell(number_text(row.sum(&SoftmaxTerm::sigmoid))),
                     cell(number_text(row.sum(&SoftmaxTerm::exp))),
                     cell(number_text(row.sum(&SoftmaxTerm::probability))),
                     row.target ? "<td></td>" + cell(signed_text(row.sum(&SoftmaxTerm::gradient))) : "");
}

std::string table_cells_of(const SigmoidTerm& term, const SigmoidRow& row) {
  const std::string common = name_cell(term.name) + cell(number_text(term.activation)) + bar_cell(term.probability) +
                             cell(number_text(term.probability));
  if (!row.target) return common + cell(number_text(term.loss_if_yes)) + cell(number_text(term.loss_if_no));
  return common + cell(term.is_there ? "1" : "0") + cell(number_text(term.loss)) + cell(percent_text(term.share)) +
         gradient_cells(term.gradient, 1 / static_cast<double>(row.classes.size()));
}

}  // namespace

std::string html_bar(double fraction) {
  return fmt::format(R"(<span class="bar"><i style="width:{:.2f}%"></i></span>)", std::clamp(fraction, 0.0, 1.0) * 100);
}

std::string html_table(const SoftmaxRow& row, const std::vector<std::size_t>& shown) {
  std::vector<const char*> titles = {"class", "activation", "sigmoid", "exp(z − max)", "", "softmax", "−log p"};
  if (row.target) titles.insert(titles.end(), {"", "gradient"});
  std::string lines;
  for (const std::size_t k : shown) {
    lines += table_line(table_cells_of(row.classes[k], row.target.has_value()), row.target && row.target->index == k);
  }
  return table(titles, lines + table_sums_of(row));
}

std::string html_table(const SigmoidRow& row, const std::vector<std::size_t>& shown) {
  std::vector<const char*> titles = {"class", "activation", "", "sigmoid p"};
  if (row.target) {
    titles.insert(titles.end(), {"target", "loss", "share", "", "gradient"});
  } else {
    titles.insert(titles.end(), {"−log p", "−log(1 − p)"});
  }
  std::string lines;
  for (const std::size_t k : shown) lines += table_line(table_cells_of(row.classes[k], row), row.classes[k].is_there);
  return table(titles, lines);
}

}  // namespace margay::interpret
