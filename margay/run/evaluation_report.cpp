#include "margay/run/evaluation_report.h"

#include <cmath>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/source/csv.h"
#include "margay/interpret/calibration_charts.h"
#include "margay/interpret/interpretation_charts.h"
#include "margay/run/run_folder.h"
#include "margay/run/training_charts.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using interpret::Interpretation;
using interpret::TopLosses;

std::optional<interpret::CalibrationQuality> scores_of(const Interpretation& interpretation) {
  if (!interpretation.has_labels()) return std::nullopt;
  const predict::KeptPredictions& kept = interpretation.predictions();
  return interpret::calibration_quality(kept.rows, kept.task, kept.groups,
                                        {.bootstrap = interpretation.options().bootstrap});
}

/// The run in whose folder the model lies. Reports are made without it where anything is missing.
std::optional<RunRecord> history_of(const predict::KeptPredictions& kept) {
  const auto model = kept.origin.find("model");
  if (model == kept.origin.end() || !model->is_string()) return std::nullopt;
  const fs::path folder = fs::path(model->get<std::string>()).parent_path();
  try {
    std::optional<RunRecord> record = read_run_folder(folder);
    return record && !record->epochs.empty() ? record : std::nullopt;
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

std::string number_cell(double number) { return std::isfinite(number) ? fmt::format("{:.6g}", number) : ""; }

std::string estimate_cells(const metric::Estimate& estimate) {
  return fmt::format("{},{},{}", number_cell(estimate.value), number_cell(estimate.interval.low),
                     number_cell(estimate.interval.high));
}

Json history_columns(const std::vector<RunEpoch>& epochs) {
  Json history = {{"stage", Json::array()},
                  {"train_loss", Json::array()},
                  {"valid_loss", Json::array()},
                  {"metrics", Json::object()}};
  for (const RunEpoch& epoch : epochs) {
    history["stage"].push_back(epoch.stage);
    history["train_loss"].push_back(core::finite_or_null(epoch.train_loss));
    history["valid_loss"].push_back(core::finite_or_null(epoch.valid_loss));
    for (const auto& [name, value] : epoch.metrics) history["metrics"][name].push_back(core::finite_or_null(value));
  }
  return history;
}

/// The lists of a report that its predictions allow.
std::vector<TopLosses> lists_of(const Interpretation& interpretation) {
  if (!interpretation.has_labels()) return {TopLosses::kBorder, TopLosses::kLeastSure};
  return {TopLosses::kHighest, TopLosses::kSurelyWrong, TopLosses::kLowest, TopLosses::kBorder, TopLosses::kLeastSure};
}

/// Names of images may be any bytes.
std::string text_of(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

/// A report on its way to the disk: steps with names, so that progress can be told.
class EvaluationWriter {
 public:
  EvaluationWriter(const Evaluation& evaluation, ReportFolder& folder, Observer& observer,
                   const EvaluationReportOptions& options)
      : evaluation_(evaluation),
        interpretation_(evaluation.interpretation()),
        folder_(folder),
        observer_(observer),
        options_(options) {}

  void run() {
    predict::save_predictions(folder_.path(), interpretation_.predictions());  // first: it marks the folder
    plan();
    std::int64_t done = 0;
    for (const auto& step : steps_) {
      if (observer_.is_stop_wanted()) {
        throw core::Interrupted(
            fmt::format("stopped while the report was written to {}", core::shown_path(folder_.path())));
      }
      step();
      observer_.progressed("report", ++done, static_cast<std::int64_t>(steps_.size()), "files");
    }
    observer_.progress_ended();
  }

 private:
  void plan() {
    write("report.json", [this] { return text_of(evaluation_.json({.top_losses = options_.top_losses})); });
    write("top_losses.csv", [this] { return top_losses_csv(interpretation_, options_.top_losses); });
    draw("confidence", [this] { return chart::bar_drawing(interpret::confidence_chart(interpretation_)); });
    if (interpretation_.has_labels()) plan_labelled();
    for (const NamedChart& curve : evaluation_curves(evaluation_)) {
      draw(curve.name, [curve] { return chart::chart_drawing(curve.chart); });
    }
    for (const TopLosses order : lists_of(interpretation_)) {
      steps_.emplace_back([this, order] { write_sheet(order); });
    }
  }

  void plan_labelled() {
    write("classes.csv", [this] { return classes_csv(interpretation_); });
    draw("classes", [this] { return chart::bar_drawing(interpret::class_chart(interpretation_)); });
    if (interpretation_.is_multi_label()) return;
    write("most_confused.csv", [this] { return most_confused_csv(interpretation_); });
    draw("confusion_matrix", [this] { return interpret::plot_confusion_matrix(interpretation_); });
    draw("most_confused", [this] { return chart::bar_drawing(interpret::most_confused_chart(interpretation_)); });
  }

  void write(const char* name, std::function<std::string()> text) {
    steps_.emplace_back([this, name, text = std::move(text)] { folder_.write(name, text()); });
  }

  void draw(const std::string& name, std::function<chart::Drawing()> drawing) {
    steps_.emplace_back([this, name, drawing = std::move(drawing)] { warn(folder_.write_figure(name, drawing())); });
  }

  void write_sheet(TopLosses order) {
    const chart::Drawing sheet =
        interpret::plot_top_losses(interpretation_, options_.top_losses, order, options_.deep_bits);
    if (sheet.width > 0) warn(write_drawing(sheet, folder_.file(fmt::format("top_{}.png", core::to_text(order)))));
  }

  void warn(const std::string& warning) {
    if (!warning.empty()) observer_.warned(warning);
  }

  const Evaluation& evaluation_;
  const Interpretation& interpretation_;
  ReportFolder& folder_;
  Observer& observer_;
  const EvaluationReportOptions& options_;
  std::vector<std::function<void()>> steps_;
};

}  // namespace

Evaluation::Evaluation(predict::KeptPredictions predictions, const interpret::InterpretationOptions& options)
    : interpretation_(std::move(predictions), options),
      calibration_(scores_of(interpretation_)),
      history_(history_of(interpretation_.predictions())) {}

nlohmann::ordered_json Evaluation::json(const interpret::InterpretationJsonOptions& options) const {
  nlohmann::ordered_json json = interpretation_.json(options);
  if (calibration_) json["calibration"] = interpret::to_json(*calibration_);
  const nlohmann::ordered_json& origin = interpretation_.predictions().origin;
  if (const auto unknown = origin.find("unknown"); unknown != origin.end()) json["unknown"] = *unknown;
  if (history_) json["history"] = history_columns(history_->epochs);
  return json;
}

std::vector<NamedChart> evaluation_curves(const Evaluation& evaluation) {
  std::vector<NamedChart> curves;
  if (evaluation.calibration()) {
    curves.push_back({"reliability", interpret::reliability_chart(*evaluation.calibration())});
    curves.push_back({"risk_coverage", interpret::risk_coverage_chart(*evaluation.calibration())});
  }
  if (evaluation.history()) curves.push_back({"losses", run_chart(*evaluation.history())});
  return curves;
}

std::string classes_csv(const Interpretation& interpretation) {
  std::string lines =
      "class,support,predicted,tp,fp,fn,tn,precision,precision_low,precision_high,recall,recall_low,recall_high,f1,"
      "f1_low,f1_high\n";
  for (const interpret::ClassReport& each : interpretation.classification_report().classes) {
    const interpret::BinaryCounts& counts = each.counts;
    lines += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", data::csv_cell(each.name), each.support, counts.predicted(),
                         counts.true_positives, counts.false_positives, counts.false_negatives, counts.true_negatives,
                         estimate_cells(each.precision), estimate_cells(each.recall), estimate_cells(each.f1));
  }
  return lines;
}

std::string most_confused_csv(const Interpretation& interpretation) {
  std::string lines = "actual,predicted,count,share,share_low,share_high,expected,p_value,p_holm\n";
  const data::Vocabulary& vocab = interpretation.vocab();
  for (const interpret::ConfusedPair& pair : interpretation.most_confused(1)) {
    lines += fmt::format("{},{},{},{},{},{},{}\n", data::csv_cell(vocab.name(pair.actual)),
                         data::csv_cell(vocab.name(pair.predicted)), pair.count, estimate_cells(pair.share),
                         number_cell(pair.expected), number_cell(pair.p_value), number_cell(pair.p_holm));
  }
  return lines;
}

std::string top_losses_csv(const Interpretation& interpretation, std::int64_t each) {
  std::string lines = "order,rank,name,label,prediction,probability,label_probability,loss,margin\n";
  for (const TopLosses order : lists_of(interpretation)) {
    int rank = 0;
    for (const interpret::TopLoss& top : interpretation.top_losses(each, order)) {
      lines += fmt::format("{},{},{},{},{},{},{},{},{}\n", core::to_text(order), ++rank, data::csv_cell(top.name),
                           data::csv_cell(top.label), data::csv_cell(top.prediction), number_cell(top.probability),
                           number_cell(top.label_probability), number_cell(top.loss), number_cell(top.margin));
    }
  }
  return lines;
}

void write_evaluation_report(const Evaluation& evaluation, ReportFolder& folder, Observer& observer,
                             const EvaluationReportOptions& options) {
  EvaluationWriter(evaluation, folder, observer, options).run();
}

}  // namespace margay::run
