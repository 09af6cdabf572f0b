#include "margay/interpret/xray_text.h"

#include <fmt/format.h>

#include "margay/core/text_bar.h"
#include "margay/core/text_table.h"
#include "margay/interpret/number_text.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {
namespace {

constexpr auto kLeft = core::TextTable::Align::kLeft;
constexpr int kBarWidth = 20;
constexpr const char* kIndent = "  ";

std::string line(std::string_view text) { return text.empty() ? "" : fmt::format("  {}\n", core::one_line(text)); }

std::string class_cell(const std::string& name, bool is_marked) {
  return fmt::format("{} {}", is_marked ? '>' : ' ', core::one_line(name));
}

std::vector<std::string> cells_of(const SoftmaxRow& row, std::size_t k) {
  const SoftmaxTerm& term = row.classes[k];
  return {class_cell(term.name, row.target && row.target->index == k),
          number_text(term.activation),
          number_text(term.sigmoid),
          number_text(term.exp),
          number_text(term.probability),
          core::text_bar(term.probability, kBarWidth),
          number_text(term.negative_log),
          row.target ? signed_text(term.gradient) : ""};
}

std::vector<std::string> sums_of(const SoftmaxRow& row, std::size_t shown) {
  return {shown == row.classes.size() ? "  sum" : fmt::format("  sum of all {}", row.classes.size()),
          "",
          number_text(row.sum(&SoftmaxTerm::sigmoid)),
          number_text(row.sum(&SoftmaxTerm::exp)),
          number_text(row.sum(&SoftmaxTerm::probability)),
          "",
          "",
          row.target ? signed_text(row.sum(&SoftmaxTerm::gradient)) : ""};
}

std::string table_of(const SoftmaxRow& row, const std::vector<std::size_t>& shown) {
  core::TextTable table({{"  class", kLeft},
                         {"activation"},
                         {"sigmoid"},
                         {"exp(z - max)"},
                         {"softmax"},
                         {"", kLeft},
                         {"-log p"},
                         {row.target ? "gradient" : ""}});
  for (const std::size_t k : shown) table.add(cells_of(row, k));
  table.add(sums_of(row, shown.size()));
  return table.text(kIndent);
}

std::string title_of(const SoftmaxRow& row) {
  const std::string name = core::one_line(row.name);
  if (!row.target) return fmt::format("{}\n", name);
  const SoftmaxTarget& target = *row.target;
  return fmt::format("{}   the target is '{}', picked p = {}, loss = -log p = {}\n", name,
                     core::one_line(row.classes[target.index].name), number_text(target.probability),
                     number_text(target.loss));
}

std::string row_text(const SoftmaxRow& row, double step, Extent extent) {
  const std::vector<std::size_t> shown = shown_classes(row, extent);
  return title_of(row) + table_of(row, shown) + line(left_out_words(row, shown)) + line(verdict(row)) +
         line(step_words(row, step));
}

std::vector<std::string> cells_of(const SigmoidRow& row, const SigmoidTerm& term) {
  std::vector<std::string> cells = {class_cell(term.name, term.is_there), number_text(term.activation),
                                    number_text(term.probability), core::text_bar(term.probability, kBarWidth)};
  if (row.target) {
    cells.insert(cells.end(), {term.is_there ? "1" : "0", number_text(term.loss), percent_text(term.share),
                               signed_text(term.gradient)});
  } else {
    cells.insert(cells.end(), {number_text(term.loss_if_yes), number_text(term.loss_if_no)});
  }
  return cells;
}

std::string table_of(const SigmoidRow& row, const std::vector<std::size_t>& shown) {
  std::vector<core::TextTable::Column> columns = {{"  class", kLeft}, {"activation"}, {"sigmoid"}, {"", kLeft}};
  if (row.target) {
    columns.insert(columns.end(), {{"target"}, {"loss"}, {"share"}, {"gradient"}});
  } else {
    columns.insert(columns.end(), {{"-log p"}, {"-log(1-p)"}});
  }
  core::TextTable table(columns);
  for (const std::size_t k : shown) table.add(cells_of(row, row.classes[k]));
  return table.text(kIndent);
}

std::string row_text(const SigmoidRow& row, double step, Extent extent) {
  const std::string loss = row.target ? fmt::format("   loss = {}", number_text(row.target->loss)) : "";
  const std::vector<std::size_t> shown = shown_classes(row, extent);
  return fmt::format("{}{}\n", core::one_line(row.name), loss) + table_of(row, shown) +
         line(left_out_words(row, shown)) + line(verdict(row)) + line(step_words(row, step));
}

template <class Xray>
std::string text_of(const Xray& xray, const std::vector<LegendEntry>& legend, Extent extent) {
  std::string text;
  for (const LegendEntry& each : legend) text += fmt::format("{:<8}  {}\n", each.column, each.meaning);
  for (const auto& row : xray.rows) text += "\n" + row_text(row, xray.step, extent);
  if (xray.summary && xray.rows.size() > 1) text += "\n" + core::one_line(summary_words(*xray.summary)) + "\n";
  return text;
}

}  // namespace

std::string xray_text(const SoftmaxXray& xray, Extent extent) { return text_of(xray, softmax_legend(), extent); }

std::string xray_text(const SigmoidXray& xray, Extent extent) { return text_of(xray, sigmoid_legend(), extent); }

}  // namespace margay::interpret
