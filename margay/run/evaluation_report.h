#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/chart/line_chart.h"
#include "margay/interpret/calibration_quality.h"
#include "margay/interpret/interpretation.h"
#include "margay/run/observer.h"
#include "margay/run/report_folder.h"
#include "margay/run/run_record.h"

namespace margay::run {

/// Where a model is wrong, and how sure that is: all that a report shows. Computed from predictions alone.
class Evaluation {
 public:
  /// Throws as interpret::Interpretation.
  explicit Evaluation(predict::KeptPredictions predictions, const interpret::InterpretationOptions& options = {});

  const interpret::Interpretation& interpretation() const { return interpretation_; }
  /// How far probabilities are what they say; nothing without labels.
  const std::optional<interpret::CalibrationQuality>& calibration() const { return calibration_; }
  /// The training of the model, where its run's folder still is: "model" of the predictions' origin lies in it.
  const std::optional<RunRecord>& history() const { return history_; }

  /// interpret::Interpretation::json with "calibration" (interpret::to_json of CalibrationQuality) and "history"
  /// (columns:
  /// {"stage": […], "train_loss": […], "valid_loss": […], "metrics": {name: […]}}), where there are such.
  nlohmann::ordered_json json(const interpret::InterpretationJsonOptions& options = {}) const;

 private:
  interpret::Interpretation interpretation_;
  std::optional<interpret::CalibrationQuality> calibration_;
  std::optional<RunRecord> history_;
};

/// A chart with the name of its files.
struct NamedChart {
  std::string name;
  chart::LineChart chart;
};

/// The curves of a report: reliability diagram ("reliability"), risk over coverage ("risk_coverage"), losses of the
/// training ("losses").
std::vector<NamedChart> evaluation_curves(const Evaluation& evaluation);

/// Class by class as CSV: class, support, predicted, tp, fp, fn, tn, then precision, recall and F1, each with both ends
/// of its interval; empty where it is not known.
std::string classes_csv(const interpret::Interpretation& interpretation);

/// The pairs that are confused: actual, predicted, count, share, its interval, expected, p_value, p_holm.
std::string most_confused_csv(const interpret::Interpretation& interpretation);

/// Every list of top losses: order, rank, name, label, prediction, probability, label_probability, loss, margin. order:
/// as core::to_text(TopLosses).
std::string top_losses_csv(const interpret::Interpretation& interpretation, std::int64_t each);

/// What a report holds beside its numbers.
struct EvaluationReportOptions {
  std::int64_t top_losses = 24;  ///< images of each list and contact sheet
  int deep_bits = 16;            ///< of the images, as in ReadOptions
};

/// Writes everything but the page: the predictions, so that later evaluations can start from the folder
/// (predict::load_predictions), report.json (every number), CSV of classes, confused pairs and top losses, each drawing
/// as PNG and SVG, contact sheets of the top losses as PNG. Announces progress and warnings (letters that no font has)
/// to the observer. A folder that was the report of something else gets new files only, and loses those that this
/// report does not have. Throws core::IoError, core::Interrupted when the observer wants a stop; what has been written
/// by then stays, and is a report that may be replaced.
void write_evaluation_report(const Evaluation& evaluation, ReportFolder& folder, Observer& observer,
                             const EvaluationReportOptions& options = {});

}  // namespace margay::run
