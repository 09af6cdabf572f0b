#pragma once

#include <algorithm>
#include <functional>

#include "margay/collective/group.h"

namespace margay::testing_support {

/// Rank 0 of a group of two. The other process is played by `other_says`, which is asked once for each decision.
class GroupOfTwo : public collective::Group {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }
  void sum(std::span<double> values) override {
    for (double& value : values) value *= 2;
  }
  void maximum(std::span<double> values) override {
    const double other = other_says(decisions++) ? 1 : 0;
    for (double& value : values) value = std::max(value, other);
  }
  void broadcast(std::span<std::byte> /*bytes*/, int /*root*/) override {}
  void barrier() override {}

  /// decision: the number of decisions before it.
  std::function<bool(int decision)> other_says = [](int) { return false; };
  int decisions = 0;
};

}  // namespace margay::testing_support
