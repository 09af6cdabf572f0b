#include <limits>

#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/interpret/interpretation.h"

namespace margay::interpret {
namespace {

using nlohmann::ordered_json;

constexpr int kConfidenceBins = 20;

ordered_json averages_json(const ClassificationReport& report) {
  ordered_json list = ordered_json::array();
  for (const ReportRow& row : report.averages) {
    list.push_back({{"name", row.name},
                    {"precision", to_json(row.precision)},
                    {"recall", to_json(row.recall)},
                    {"f1", to_json(row.f1)},
                    {"support", row.support}});
  }
  return list;
}

ordered_json class_json(const ClassReport& row) {
  return {{"class", row.index},
          {"name", row.name},
          {"support", row.support},
          {"predicted", row.counts.predicted()},
          {"refused", row.refused},
          {"is_absent", row.is_absent()},
          {"tp", row.counts.true_positives},
          {"fp", row.counts.false_positives},
          {"fn", row.counts.false_negatives},
          {"tn", row.counts.true_negatives},
          {"precision", to_json(row.precision)},
          {"recall", to_json(row.recall)},
          {"f1", to_json(row.f1)}};
}

/// Without labels: what is predicted.
ordered_json predicted_classes_json(const Interpretation& interpretation) {
  std::vector<std::int64_t> predicted(interpretation.vocab().names().size());
  const JudgedImages& images = interpretation.images();
  for (std::int64_t i = 0; i < images.size(); ++i) {
    if (images.refused(i)) continue;
    if (!images.is_multi_label) ++predicted[static_cast<std::size_t>(images.best[static_cast<std::size_t>(i)])];
    if (!images.is_multi_label) continue;
    for (const std::int32_t k : images.predicted_classes[i]) ++predicted[static_cast<std::size_t>(k)];
  }
  ordered_json list = ordered_json::array();
  for (std::size_t k = 0; k < predicted.size(); ++k) {
    list.push_back({{"class", k}, {"name", interpretation.vocab().names()[k]}, {"predicted", predicted[k]}});
  }
  return list;
}

ordered_json classes_json(const Interpretation& interpretation) {
  if (!interpretation.has_labels()) return predicted_classes_json(interpretation);
  ordered_json list = ordered_json::array();
  for (const ClassReport& row : interpretation.classification_report().classes) {
    list.push_back(class_json(row));
    if (!interpretation.is_multi_label()) continue;
    list.back()["average_precision"] =
        to_json(interpretation.average_precisions().classes[static_cast<std::size_t>(row.index)]);
  }
  return list;
}

ordered_json confusion_json(const ConfusionMatrix& matrix) {
  ordered_json cells = ordered_json::array();
  for (const ConfusionMatrix::Cell& cell : matrix.cells()) {
    cells.push_back(ordered_json::array({cell.actual, cell.predicted, cell.count}));
  }
  ordered_json refused = ordered_json::array();
  for (std::int64_t k = 0; k < matrix.num_classes(); ++k) refused.push_back(matrix.refused(k));
  return {{"cells", std::move(cells)}, {"refused", std::move(refused)}};
}

ordered_json pair_json(const ConfusedPair& pair) {
  return {{"actual", pair.actual},
          {"predicted", pair.predicted},
          {"count", pair.count},
          {"share", to_json(pair.share)},
          {"expected", core::finite_or_null(pair.expected)},
          {"p_value", pair.p_value},
          {"p_holm", pair.p_holm},
          {"is_beyond_chance", pair.is_beyond_chance()}};
}

void add_confusion(ordered_json& json, const Interpretation& interpretation, std::int64_t most) {
  json["confusion"] = confusion_json(interpretation.confusion_matrix());
  const std::vector<ConfusedPair> pairs = interpretation.most_confused();
  const auto shown = std::min(pairs.size(), static_cast<std::size_t>(std::max<std::int64_t>(most, 0)));
  ordered_json list = ordered_json::array();
  for (std::size_t i = 0; i < shown; ++i) list.push_back(pair_json(pairs[i]));
  json["most_confused"] = std::move(list);
  json["most_confused_left_out"] = pairs.size() - shown;
}

ordered_json near_json(const Interpretation& interpretation) {
  ordered_json list = ordered_json::array();
  for (const NearClasses& near : interpretation.near_classes()) {
    list.push_back({{"predicted", near.predicted},
                    {"second", near.second},
                    {"count", near.count},
                    {"mean_margin", near.mean_margin}});
  }
  return list;
}

ordered_json histogram_json(const JudgedImages& images) {
  std::vector<double> edges;
  for (int edge = 0; edge <= kConfidenceBins; ++edge) edges.push_back(static_cast<double>(edge) / kConfidenceBins);
  std::vector<std::int64_t> counts(kConfidenceBins);
  std::vector<std::int64_t> right(kConfidenceBins);
  for (std::size_t i = 0; i < images.best.size(); ++i) {
    const auto bin = static_cast<std::size_t>(
        std::min(static_cast<int>(images.probability[i] * kConfidenceBins), kConfidenceBins - 1));
    ++counts[bin];
    if (images.has_labels && images.is_right[i]) ++right[bin];
  }
  ordered_json json = {{"edges", edges}, {"counts", counts}};
  if (images.has_labels) json["right"] = right;
  return json;
}

ordered_json top_json(const TopLoss& top, bool has_labels) {
  ordered_json json = {{"row", top.row}, {"name", core::valid_utf8(top.name)}};
  json["label"] = has_labels ? ordered_json(top.label) : ordered_json(nullptr);
  json["prediction"] = top.prediction;
  json["loss"] = core::finite_or_null(top.loss);
  json["probability"] = core::finite_or_null(top.probability);
  json["label_probability"] = core::finite_or_null(top.label_probability);
  json["margin"] = core::finite_or_null(top.margin);
  json["border_class"] = top.border_class;
  return json;
}

ordered_json top_losses_json(const Interpretation& interpretation, std::int64_t k) {
  std::vector<TopLosses> orders = {TopLosses::kBorder, TopLosses::kLeastSure};
  if (interpretation.has_labels()) {
    orders.insert(orders.begin(), {TopLosses::kHighest, TopLosses::kSurelyWrong, TopLosses::kLowest});
  }
  ordered_json json = ordered_json::object();
  for (const TopLosses order : orders) {
    ordered_json list = ordered_json::array();
    for (const TopLoss& top : interpretation.top_losses(k, order)) {
      list.push_back(top_json(top, interpretation.has_labels()));
    }
    json[core::to_text(order)] = std::move(list);
  }
  return json;
}

template <class Number>
ordered_json column_json(const std::vector<Number>& column) {
  ordered_json list = ordered_json::array();
  for (const auto value : column) list.push_back(value);
  return list;
}

ordered_json lists_json(const ClassLists& lists, std::int64_t count) {
  ordered_json all = ordered_json::array();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto list = lists[i];
    all.push_back(std::vector<std::int32_t>(list.begin(), list.end()));
  }
  return all;
}

template <class Number>
std::vector<Number> column_of(const torch::Tensor& tensor) {
  const torch::Tensor numbers = tensor.contiguous();
  return {numbers.data_ptr<Number>(), numbers.data_ptr<Number>() + numbers.size(0)};
}

ordered_json images_json(const predict::KeptPredictions& predictions, const JudgedImages& images) {
  ordered_json names = ordered_json::array();
  for (std::size_t i = 0; i < predictions.names.size(); ++i) {
    names.push_back(core::valid_utf8(predictions.names.text(i)));
  }
  ordered_json json = {{"name", std::move(names)},
                       {"best", images.best},
                       {"probability", column_json(images.probability)},
                       {"second", images.second},
                       {"margin", column_json(images.margin)}};
  if (!images.is_refused.empty()) json["is_refused"] = column_json(images.is_refused);
  if (predictions.rows.p_known.defined()) json["p_known"] = column_of<double>(predictions.rows.p_known);
  if (predictions.groups.defined()) json["group"] = column_of<std::int64_t>(predictions.groups);
  if (images.is_multi_label) json["predicted_classes"] = lists_json(images.predicted_classes, images.size());
  if (!images.has_labels) return json;
  if (!images.is_multi_label) json["label"] = images.label;
  if (images.is_multi_label) json["label_classes"] = lists_json(images.label_classes, images.size());
  json["label_probability"] = column_json(images.label_probability);
  json["loss"] = column_json(images.loss);
  json["is_right"] = column_json(images.is_right);
  return json;
}

ordered_json summary_numbers_json(const Interpretation& interpretation) {
  ordered_json list = ordered_json::array();
  for (const SummaryNumber& each : interpretation.summary()) {
    list.push_back({{"name", each.name}, {"words", each.words}});
    list.back().update(to_json(each.estimate));
  }
  return list;
}

ordered_json skipped_images_json(const std::vector<data::SkippedImage>& skipped) {
  ordered_json list = ordered_json::array();
  for (const data::SkippedImage& each : skipped) {
    list.push_back({{"id", each.id}, {"problem", core::valid_utf8(each.problem)}});
  }
  return list;
}

ordered_json orders_json(const Interpretation& interpretation) {
  ordered_json json = ordered_json::object();
  for (const auto& [order, name] : names(ClassOrder{})) json[name] = interpretation.class_order(order);
  return json;
}

}  // namespace

nlohmann::ordered_json Interpretation::json(const InterpretationJsonOptions& options) const {
  ordered_json json = {{"format_version", 1},
                       {"task", core::to_text(predictions_.task)},
                       {"has_labels", has_labels()},
                       {"num_images", images_.size()},
                       {"num_classes", vocab().size()},
                       {"num_groups", num_groups_},
                       {"is_grouped", !groups_.empty()},
                       {"confidence", options_.bootstrap.confidence},
                       {"replicates", options_.bootstrap.replicates},
                       {"seed", options_.bootstrap.seed},
                       {"temperature", predictions_.rows.temperature}};
  if (is_multi_label()) json["threshold"] = images_.threshold;
  json["zero_division"] = core::finite_or_null(options_.zero_division);
  json["origin"] = predictions_.origin;
  json["skipped"] = skipped_images_json(predictions_.rows.skipped);
  json["text"] = summary_text();
  json["vocab"] = vocab().names();
  json["order"] = core::to_text(options_.order);
  json["orders"] = orders_json(*this);
  json["summary"] = summary_numbers_json(*this);
  json["classes"] = classes_json(*this);
  if (has_labels()) json["averages"] = averages_json(report_);
  if (has_labels() && !is_multi_label()) add_confusion(json, *this, options.most_confused);
  json["near_classes"] = near_json(*this);
  json["confidence_histogram"] = histogram_json(images_);
  json["top_losses"] = top_losses_json(*this, options.top_losses);
  if (options.images) json["images"] = images_json(predictions_, images_);
  return json;
}

}  // namespace margay::interpret
