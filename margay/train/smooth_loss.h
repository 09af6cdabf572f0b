#pragma once

#include <cmath>
#include <cstdint>

namespace margay::train {

/// Exponentially weighted mean with bias correction, as fastai shows the training loss (beta .98).
class SmoothLoss {
 public:
  SmoothLoss() = default;
  /// Goes on where another, with this sum() and count(), had come to.
  SmoothLoss(double sum, std::int64_t count) : sum_(sum), count_(count) {}

  void add(double loss) {
    ++count_;
    sum_ = kBeta * sum_ + (1 - kBeta) * loss;
  }
  /// 0 before the first loss.
  double value() const { return count_ == 0 ? 0 : sum_ / (1 - std::pow(kBeta, count_)); }
  double sum() const { return sum_; }
  std::int64_t count() const { return count_; }

 private:
  static constexpr double kBeta = 0.98;
  double sum_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace margay::train
