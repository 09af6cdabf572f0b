#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>

#include "margay/collective/group.h"

namespace margay::testing_support {

/// Rank 0 of a group of two. The other process is played by `other_says`, which is asked once for each decision, and
/// otherwise does as this one.
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
  std::vector<std::string> gather(const std::string& mine) override { return {mine, other_gives.value_or(mine)}; }
  void barrier() override {}
  std::unique_ptr<collective::Pending> start_sum(const at::Tensor& /*flat*/) override { return refuse(); }
  std::unique_ptr<collective::Pending> start_exchange(const at::Tensor& /*sent*/, const at::Tensor& /*received*/,
                                                      const collective::Shares& /*shares*/) override {
    return refuse();
  }
  std::unique_ptr<collective::Pending> start_all_gather(const at::Tensor& /*mine*/,
                                                        const at::Tensor& /*all*/) override {
    return refuse();
  }
  void set_position(std::string /*position*/) override {}
  collective::Activity activity() const override { return {}; }
  void interrupt(const std::string& /*reason*/) override {}

  /// decision: the number of decisions before it.
  std::function<bool(int decision)> other_says = [](int) { return false; };
  std::optional<std::string> other_gives;  ///< to gather()
  int decisions = 0;

 private:
  [[noreturn]] static std::unique_ptr<collective::Pending> refuse() {
    throw std::logic_error("[GroupOfTwo] has no tensors of another process");
  }
};

}  // namespace margay::testing_support
