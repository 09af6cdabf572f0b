#include "margay/interpret/xray_text.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"

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

std::string xray_text(const SoftmaxXray& xray, Extent extent) {
  return text_of(xray, softmax_legend(xray.temperature), extent);
}

std::string xray_text(const SigmoidXray& xray, Extent extent) {
  return text_of(xray, sigmoid_legend(xray.temperature), extent);
}

namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

/// One column of a row, a number for each class.
template <class Row, class Term>
Json column(const Row& row, double Term::*member) {
  Json list = Json::array();
  for (const Term& term : row.classes) list.push_back(number(term.*member));
  return list;
}

Json gap_json(const SoftmaxRow& row) {
  if (!row.target->widest_gap) return nullptr;
  const Gap& gap = *row.target->widest_gap;
  return {{"class", row.classes[gap.index].name}, {"share", gap.share}, {"loss_without", number(gap.loss_without)}};
}

void add_target(Json& json, const SoftmaxRow& row, double step) {
  const bool known = row.target.has_value();
  json["target"] = known ? Json(row.classes[row.target->index].name) : Json();
  json["picked"] = known ? Json(row.target->probability) : Json();
  json["loss"] = known ? number(row.target->loss) : Json();
  json["gradient"] = known ? column(row, &SoftmaxTerm::gradient) : Json();
  json["gap_share"] = known ? column(row, &SoftmaxTerm::gap_share) : Json();
  json["widest_gap"] = known ? gap_json(row) : Json();
  json["loss_after_step"] = known ? number(row.target->loss_after_step) : Json();
  json["words"] = verdict(row);
  json["step_words"] = known ? Json(step_words(row, step)) : Json();
}

Json row_json(const SoftmaxRow& row, double step) {
  Json json = {{"name", row.name},
               {"activations", column(row, &SoftmaxTerm::activation)},
               {"sigmoid", column(row, &SoftmaxTerm::sigmoid)},
               {"exp_of_z_minus_max", column(row, &SoftmaxTerm::exp)},
               {"softmax", column(row, &SoftmaxTerm::probability)},
               {"negative_log", column(row, &SoftmaxTerm::negative_log)}};
  add_target(json, row, step);
  return json;
}

Json targets_json(const SigmoidRow& row) {
  Json names = Json::array();
  for (const SigmoidTerm& term : row.classes) {
    if (term.is_there) names.push_back(term.name);
  }
  return names;
}

Json row_json(const SigmoidRow& row, double step) {
  const bool known = row.target.has_value();
  Json json = {{"name", row.name},
               {"activations", column(row, &SigmoidTerm::activation)},
               {"sigmoid", column(row, &SigmoidTerm::probability)},
               {"loss_if_yes", column(row, &SigmoidTerm::loss_if_yes)},
               {"loss_if_no", column(row, &SigmoidTerm::loss_if_no)}};
  json["targets"] = known ? targets_json(row) : Json();
  json["losses"] = known ? column(row, &SigmoidTerm::loss) : Json();
  json["loss"] = known ? number(row.target->loss) : Json();
  json["gradient"] = known ? column(row, &SigmoidTerm::gradient) : Json();
  json["share"] = known ? column(row, &SigmoidTerm::share) : Json();
  json["heaviest"] = known ? Json(row.classes[row.target->heaviest].name) : Json();
  json["loss_after_step"] = known ? number(row.target->loss_after_step) : Json();
  json["words"] = verdict(row);
  json["step_words"] = known ? Json(step_words(row, step)) : Json();
  return json;
}

Json summary_json(const std::optional<XraySummary>& summary) {
  if (!summary) return nullptr;
  return {{"rows", summary->rows},
          {"mean_loss", number(summary->mean_loss)},
          {"heaviest_row", summary->heaviest_row},
          {"heaviest_share", summary->heaviest_share},
          {"words", summary_words(*summary)}};
}

template <class Xray>
std::string document(const Xray& xray, const char* loss) {
  Json json = {{"loss", loss}, {"step", xray.step}, {"classes", Json::array()}, {"rows", Json::array()}};
  if (xray.temperature != 1) json["temperature"] = xray.temperature;
  if (!xray.rows.empty()) {
    for (const auto& term : xray.rows.front().classes) json["classes"].push_back(term.name);
  }
  for (const auto& row : xray.rows) json["rows"].push_back(row_json(row, xray.step));
  json["summary"] = summary_json(xray.summary);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string xray_json(const SoftmaxXray& xray) { return document(xray, "cross_entropy"); }

std::string xray_json(const SigmoidXray& xray) { return document(xray, "binary_cross_entropy"); }

}  // namespace margay::interpret
