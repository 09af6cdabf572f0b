#include "margay/interpret/xray_tables.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "margay/core/html_escape.h"
#include "margay/interpret/number_text.h"

namespace margay::interpret {
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
