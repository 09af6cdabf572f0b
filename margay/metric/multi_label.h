#pragma once

#include "margay/metric/metric.h"

namespace margay::metric {

/// Decisions of a multi-label problem, counted for each class. A class is predicted where sigmoid(logit) exceeds
/// the threshold.
struct MultiLabelCounts {
  torch::Tensor true_positives;   ///< int64 [K]
  torch::Tensor false_positives;  ///< int64 [K]
  torch::Tensor false_negatives;  ///< int64 [K]
  std::int64_t exact = 0;         ///< images of which every class is right
  std::int64_t images = 0;

  /// logits: floating [N,K]; targets: [N,K], 1 where the image is of the class; threshold: 0 … 1.
  /// Throws std::invalid_argument for shapes that do not fit.
  void add(const torch::Tensor& logits, const torch::Tensor& targets, double threshold);

  /// The share of all N·K predictions that are right (fastai's accuracy_multi); NaN before the first image.
  double accuracy() const;
  /// The share of images of which every class is right; NaN before the first image.
  double exact_match() const;
  /// The mean over the classes of 2 TP / (2 TP + FP + FN), 0 for a class that neither occurs nor is predicted
  /// (scikit-learn's macro F1, which fastai's F1ScoreMulti is); NaN before the first image.
  double f1_macro() const;
};

/// accuracy over a pass.
class MultiLabelAccuracy : public Metric {
 public:
  explicit MultiLabelAccuracy(double threshold = 0.5) : threshold_(threshold) {}
  std::string name() const override { return "accuracy_multi"; }
  Direction direction() const override { return Direction::kHigherIsBetter; }
  void reset() override { counts_ = {}; }
  void update(const torch::Tensor& logits, const torch::Tensor& targets) override;
  double value() const override { return counts_.accuracy(); }

 protected:
  MultiLabelCounts counts_;

 private:
  double threshold_;
};

/// f1_macro over a pass.
class MultiLabelF1 : public MultiLabelAccuracy {
 public:
  using MultiLabelAccuracy::MultiLabelAccuracy;
  std::string name() const override { return "f1_multi"; }
  double value() const override { return counts_.f1_macro(); }
};

}  // namespace margay::metric
