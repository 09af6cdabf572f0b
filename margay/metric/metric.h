#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

namespace margay::metric {

/// Which of two values is the better one.
enum class Direction { kLowerIsBetter, kHigherIsBetter };

/// A number gathered over the batches of one pass.
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

}  // namespace margay::metric
