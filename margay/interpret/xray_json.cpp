#include "margay/interpret/xray_json.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "margay/interpret/xray_words.h"

namespace margay::interpret {
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
