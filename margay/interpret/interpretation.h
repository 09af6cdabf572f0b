#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/options.h"
#include "margay/interpret/class_order.h"
#include "margay/interpret/classification_report.h"
#include "margay/interpret/confusion_matrix.h"
#include "margay/interpret/judged_images.h"
#include "margay/interpret/most_confused.h"
#include "margay/interpret/top_losses.h"
#include "margay/metric/average_precision.h"
#include "margay/metric/bootstrap.h"
#include "margay/predict/prediction_file.h"

namespace margay::interpret {

struct InterpretationOptions {
  double threshold = 0.5;    ///< several labels: a class is predicted where sigmoid(logit) exceeds it
  int top_k = 5;             ///< of the top-k accuracy
  double zero_division = 0;  ///< of the report: 0 or 1 (in C++ also NaN)
  ClassOrder order = ClassOrder::kCluster;
  metric::BootstrapOptions bootstrap;

  static const core::OptionTable& fields();
};

/// One number about all images.
struct SummaryNumber {
  std::string name;  ///< "accuracy", "top_5_accuracy", …
  metric::Estimate estimate;
  std::string words;  ///< what it is, half a sentence
};

/// Two classes that images lie between, known without labels.
struct NearClasses {
  std::int32_t predicted = 0;
  std::int32_t second = 0;
  std::int64_t count = 0;  ///< images of that prediction and second-best class with a margin below .2
  double mean_margin = 0;  ///< of them
};

/// How many images json() and its lists hold.
struct InterpretationJsonOptions {
  std::int64_t top_losses = 24;         ///< in each list
  std::int64_t most_confused = 10'000;  ///< pairs at most; "most_confused_left_out" tells the others
  bool images = false;                  ///< also what is known of each image, in columns
};

/// Where a classifier is wrong, and how sure that is: the numbers of fastai's ClassificationInterpretation, each with
/// an interval. Made from predictions alone, with one pass over them.
///
///     const auto interp = margay::Interpretation::from_learner(learner);
///     for (const auto& pair : interp.most_confused(2)) …
///     std::ofstream("report.json") << interp.json().dump();
///
/// Without labels there is what can be said: how sure the predictions are, which classes are near each other, the
/// images nearest to the border; functions that need labels throw std::invalid_argument.
class Interpretation {
 public:
  /// Throws as KeptPredictions::check, for options out of range, and std::invalid_argument for no image.
  explicit Interpretation(predict::KeptPredictions predictions, const InterpretationOptions& options = {});

  /// Of a learner's validation set, as fastai's from_learner. It knows the learner by what it calls: get_preds() and
  /// loaders(), so that this layer knows no training.
  template <class Learner>
  static Interpretation from_learner(Learner& learner, const InterpretationOptions& options = {}) {
    predict::Predictions predictions = learner.get_preds();
    return Interpretation(predict::kept_predictions(std::move(predictions), learner.loaders().valid->dataset(),
                                                    learner.loaders().vocabulary, learner.loaders().root),
                          options);
  }

  const predict::KeptPredictions& predictions() const { return predictions_; }
  const data::Vocabulary& vocab() const { return predictions_.vocabulary; }
  const InterpretationOptions& options() const { return options_; }
  const JudgedImages& images() const { return images_; }
  /// Independent groups of images; as many as images where each is alone.
  std::int64_t num_groups() const { return num_groups_; }
  bool has_labels() const { return images_.has_labels; }
  bool is_multi_label() const { return images_.is_multi_label; }

  /// Rows actual, columns predicted. Throws std::invalid_argument for several labels: binary_counts().
  const ConfusionMatrix& confusion_matrix() const;
  /// One 2 x 2 matrix a class.
  const std::vector<BinaryCounts>& binary_counts() const;
  /// As interpret::most_confused. Throws std::invalid_argument for several labels.
  std::vector<ConfusedPair> most_confused(std::int64_t min_count = 1) const;
  /// [K] class indices.
  std::vector<std::int32_t> class_order(ClassOrder order) const;
  const ClassificationReport& classification_report() const;
  /// Average precisions of several labels. Throws std::invalid_argument for one label.
  const metric::AveragePrecisions& average_precisions() const;
  /// Numbers about all images. One label: accuracy, error_rate, top_5_accuracy (where K > 5), balanced_accuracy,
  /// f1_macro, loss. Several: exact_match, accuracy_multi, f1_micro, f1_macro, mean_average_precision, loss. Where
  /// images could be refused: refused, accuracy_of_answered. Without labels: confidence.
  const std::vector<SummaryNumber>& summary() const { return summary_; }
  /// The same in sentences for people, with what is odd about the data (classes without images, all right, …).
  std::vector<std::string> summary_text() const;
  /// The first k images in that order (fastai's top_losses(k); largest=False is kLowest).
  std::vector<TopLoss> top_losses(std::int64_t k = 9, TopLosses order = TopLosses::kHighest) const;
  /// What is known of an image.
  TopLoss image(std::int64_t row) const;
  /// Pairs of prediction and second-best class that images lie between, the most frequent first.
  std::vector<NearClasses> near_classes() const;

  /// Every number, as one document. NaN and unknown numbers are null. An estimate is {"value", "low", "high"}; class
  /// numbers are positions in "vocab". What a kind of task lacks is absent (marked below: 1 one label, M several, L
  /// with labels).
  ///
  ///     {"format_version": 1, "task": "single_label" | "multi_label", "has_labels": true,
  ///      "num_images": N, "num_classes": K, "num_groups": G (N where each image is alone), "is_grouped": false,
  ///      "confidence": 0.95, "replicates": 1000, "seed": 42, "temperature": 1.0, "threshold": 0.5 (M: of calibrated
  ///      probabilities),
  ///      "zero_division": 0 | 1 | null,
  ///      "origin": {…KeptPredictions::origin…}, "skipped": [{"id": 7, "problem": "…"}],
  ///      "text": ["sentence", …],                       summary_text()
  ///      "vocab": ["cat", "dog"],
  ///      "order": "cluster", "orders": {"cluster": [class, …], "name": […], "size": […], "vocab": […]},
  ///      "summary": [{"name": "accuracy", "words": "…", "value": .9, "low": .85, "high": .94}, …],
  ///      "classes": [{"class": 0, "name": "cat", "support": 50, "predicted": 48, "refused": 0, "is_absent": false,
  ///                   "tp": 45, "fp": 3, "fn": 5, "tn": 47,                                                     (L)
  ///                   "precision": {"value", "low", "high"}, "recall": {…}, "f1": {…},                          (L)
  ///                   "average_precision": {…}},                                                                (L M)
  ///                  …],                             K of them, in vocab's order; without labels class, name,
  ///                  predicted
  ///      "averages": [{"name": "macro avg", "precision": {…}, "recall": {…}, "f1": {…}, "support": N}, …],      (L)
  ///      "confusion": {"cells": [[actual, predicted, count], …], "refused": [count of each class]},             (L 1)
  ///      "most_confused": [{"actual": 0, "predicted": 1, "count": 5, "share": {…}, "expected": 2.5,
  ///                         "p_value": .01, "p_holm": .02, "is_beyond_chance": true}, …],                       (L 1)
  ///      "most_confused_left_out": 0,                                                                           (L 1)
  ///      "near_classes": [{"predicted": 0, "second": 1, "count": 3, "mean_margin": .1}, …],
  ///      "confidence_histogram": {"edges": [0, .05, …, 1], "counts": [20 numbers], "right": [20 numbers] (L)},  of
  ///      `probability` "top_losses": {"highest": [TOP], "surely_wrong": [TOP], "lowest": [TOP], (L)
  ///                     "border": [TOP], "least_sure": [TOP]},
  ///         TOP = {"row": 17, "name": "a.jpg", "label": "cat", "prediction": "dog", "loss": 3.2, "probability": .9,
  ///                "label_probability": .04, "margin": .86, "border_class": "cat"}; label, loss and label_probability
  ///                are null without labels
  ///      "images": {"name": […], "best": […], "probability": […], "second": […], "margin": […], "is_refused": […],
  ///                 "p_known": […], "group": […], "label": […], "label_probability": […], "loss": […], "is_right":
  ///                 […], "predicted_classes": [[…], …] (M), "label_classes": [[…], …] (M)}}      only if asked for;
  ///                 [N] each
  ///
  /// Reports add keys of their own beside these: "calibration", "unknown", "history", "lists", ….
  nlohmann::ordered_json json(const InterpretationJsonOptions& options = {}) const;

 private:
  void need_labels(const char* function) const;
  void need_one_label(const char* function, const char* instead) const;
  void judge();

  predict::KeptPredictions predictions_;
  InterpretationOptions options_;
  JudgedImages images_;
  std::vector<std::int64_t> groups_;  ///< [N]; empty: each image is alone
  std::int64_t num_groups_ = 0;
  ConfusionMatrix confusion_;
  std::vector<BinaryCounts> binary_;
  ClassificationReport report_;
  metric::AveragePrecisions average_precisions_;
  std::vector<SummaryNumber> summary_;
};

}  // namespace margay::interpret
