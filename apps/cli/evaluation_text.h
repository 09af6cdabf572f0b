#pragma once

#include <string>

#include "margay/chart/text_blocks.h"
#include "margay/interpret/compare_models.h"
#include "margay/run/evaluation_report.h"

namespace margay::cli {

/// How much of an evaluation a terminal shows.
enum class EvaluationExtent {
  kShort,  ///< what is worst, ten of each
  kAll     ///< every class and pair, the confusion matrix of any size, and the curves
};

/// Sums that `margay evaluate` has always printed first: images, error rate with its standard error, accuracy, loss; of
/// several labels exact match, accuracy, F1, loss.
class EvaluationTally {
 public:
  /// threshold: of several labels.
  EvaluationTally(data::Task task, double threshold) : task_(task), threshold_(threshold) {}

  /// Predictions with targets and losses.
  void add(const predict::Predictions& batch);
  /// Those that were kept, whose losses are computed again.
  void add(const predict::KeptPredictions& kept);
  std::int64_t images() const { return images_; }
  std::string text() const;

 private:
  void add(const predict::Predictions& batch, const torch::Tensor& refused);

  data::Task task_;
  double threshold_;
  std::int64_t images_ = 0;
  double loss_sum_ = 0;
  metric::Accuracy accuracy_;           ///< of single-label models
  metric::MultiLabelCounts decisions_;  ///< of multi-label models
};

/// Numbers with intervals, worst classes, most confused pairs, top losses, calibration, as tables and block graphics in
/// the terminal's width, for print_drawing. Names are on one line, without control characters.
std::string evaluation_text(const run::Evaluation& evaluation, EvaluationExtent extent,
                            const chart::TextBlockOptions& blocks);

/// Two models on the same images: both accuracies, McNemar's test, the images where they differ (`most` at most).
/// Throws as evaluation_text.
std::string comparison_text(const interpret::ModelComparison& comparison, const std::string& first,
                            const std::string& second, std::size_t most, const chart::TextBlockOptions& blocks);

/// Tables of the terminal on stdout: its width, with blocks and colours if it has them.
chart::TextBlockOptions terminal_blocks();

}  // namespace margay::cli
