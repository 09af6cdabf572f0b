#pragma once

#include "margay/metric/metric.h"

namespace margay::metric {

/// The share of rows whose largest logit stands at the target; ties go to the first.
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

}  // namespace margay::metric
