#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "margay/interpret/confusion_matrix.h"
#include "margay/interpret/judged_images.h"
#include "margay/metric/bootstrap.h"

namespace margay::interpret {

/// One row of the report: scikit-learn's columns.
struct ReportRow {
  std::string name;
  metric::Estimate precision;  ///< TP / (TP + FP)
  metric::Estimate recall;     ///< TP / (TP + FN)
  metric::Estimate f1;         ///< 2 TP / (2 TP + FP + FN)
  std::int64_t support = 0;    ///< images of the class
};

struct ClassReport : ReportRow {
  std::int32_t index = 0;
  BinaryCounts counts;
  std::int64_t refused = 0;  ///< images of the class that were answered with "none of these"
  /// No image is of the class and none was predicted to be; it counts in no average.
  bool is_absent() const { return support == 0 && counts.predicted() == 0; }
};

/// Precision, recall, F1 and support of each class and their averages, as scikit-learn's classification_report, each
/// with an interval.
///
/// Precision and recall of a class are shares: Wilson's interval. F1 is 2 J / (1 + J) of the share J = TP / (TP + FP +
/// FN), so that its interval follows from Wilson's for J. Averages have percentile intervals of the bootstrap over
/// images (whole groups); where every resample gives the same value, as when all is right, they have Wilson's for the
/// number of cases whose share would have the same variance, 1 / Σ_k (w_k² / n_k).
struct ClassificationReport {
  std::vector<ClassReport> classes;  ///< [K], all of the vocabulary
  /// One label: "accuracy" (in `f1`, as scikit-learn prints it), "macro avg", "weighted avg". Several labels, or
  /// refused images: "micro avg" in place of accuracy, and of several labels "samples avg".
  std::vector<ReportRow> averages;
  /// The mean recall of the classes that have images (scikit-learn's balanced_accuracy_score).
  metric::Estimate balanced_accuracy;
  std::int64_t absent_classes = 0;  ///< in no average
  std::int64_t refused = 0;         ///< images
  double zero_division = 0;
};

struct ReportOptions {
  /// What precision is where nothing was predicted, recall where nothing is there, F1 where neither: 0, 1, or NaN,
  /// which counts in no average (scikit-learn's zero_division).
  double zero_division = 0;
};

/// resamples: of the same images. groups: as for clustered_mean. Throws std::invalid_argument without labels.
ClassificationReport classification_report(const JudgedImages& images, const std::vector<std::string>& vocab,
                                           const metric::Resamples& resamples,
                                           std::span<const std::int64_t> groups = {},
                                           const ReportOptions& options = {});

/// As text with scikit-learn's layout and two digits; intervals are in the numbers, not here.
std::string report_table(const ClassificationReport& report, int digits = 2);

}  // namespace margay::interpret
