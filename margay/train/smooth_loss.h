#pragma once

#include <cmath>

namespace margay::train {

/// Exponentially weighted mean with bias correction, as fastai shows the training loss (beta .98).
class SmoothLoss {
 public:
  void add(double loss) {
    ++count_;
    sum_ = kBeta * sum_ + (1 - kBeta) * loss;
  }
  /// 0 before the first loss.
  double value() const { return count_ == 0 ? 0 : sum_ / (1 - std::pow(kBeta, count_)); }

 private:
  static constexpr double kBeta = 0.98;
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace margay::train
