#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

namespace margay::metric {

/// Which of two values is the better one.
enum class Direction { kLowerIsBetter, kHigherIsBetter };

/// A number accumulated over the batches of one pass.
class Metric {
 public:
  virtual ~Metric() = default;
  virtual std::string name() const = 0;
  virtual Direction direction() const = 0;
  virtual void reset() = 0;
  /// logits: floating [N,K]; targets: int64 [N].
  virtual void update(const torch::Tensor& logits, const torch::Tensor& targets) = 0;
  /// NaN before the first update.
  virtual double value() const = 0;
};

using Metrics = std::vector<std::shared_ptr<Metric>>;

/// The share of rows whose largest logit is the target's; of equal logits the first counts.
/// logits: floating [N,K]; targets: int64 [N]. NaN for N = 0.
double accuracy(const torch::Tensor& logits, const torch::Tensor& targets);

/// 1 - accuracy.
double error_rate(const torch::Tensor& logits, const torch::Tensor& targets);

/// accuracy over a pass, each image counted once whatever the batch sizes.
class Accuracy : public Metric {
 public:
  std::string name() const override { return "accuracy"; }
  Direction direction() const override { return Direction::kHigherIsBetter; }
  void reset() override;
  void update(const torch::Tensor& logits, const torch::Tensor& targets) override;
  double value() const override;

 private:
  std::int64_t correct_ = 0;
  std::int64_t seen_ = 0;
};

/// error_rate over a pass.
class ErrorRate : public Accuracy {
 public:
  std::string name() const override { return "error_rate"; }
  Direction direction() const override { return Direction::kLowerIsBetter; }
  double value() const override { return 1.0 - Accuracy::value(); }
};

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

/// The kind of targets that a metric takes: one class per image, int64 [N], or any number of classes, [N,K].
enum class TargetKind { kOneClass, kAnyClasses };

/// The names of the metrics for such targets: accuracy and error_rate; accuracy_multi and f1_multi.
std::vector<std::string> metric_names(TargetKind targets);

/// A new metric with that name. Throws std::invalid_argument, which lists all names, for an unknown one.
std::shared_ptr<Metric> metric_by_name(const std::string& name);

/// The function that turns logits into probabilities: softmax over the classes, or a sigmoid for each class.
enum class Activation { kSoftmax, kSigmoid };

/// logits: floating [N,K]. Result: the same shape and type; with softmax each row sums to 1.
torch::Tensor probabilities(const torch::Tensor& logits, Activation activation);

/// The loss of each image, in nats: with softmax the cross-entropy -log p of its class (0 for the target -100), with
/// sigmoids the mean binary cross-entropy over the classes. There are no weights and no smoothing, so that networks can
/// be compared whatever loss they were trained with.
/// logits: floating [N,K]; targets: int64 [N], or with sigmoids float [N,K]. Result: floating [N].
/// Throws loss::TargetError for a target that is no class, std::invalid_argument for shapes that do not fit.
torch::Tensor image_losses(const torch::Tensor& logits, const torch::Tensor& targets, Activation activation);

}  // namespace margay::metric
