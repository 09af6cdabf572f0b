#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/train/vision_learner.h"
#include "tests/support/tiny_images.h"

namespace margay::testing_support {

/// A learner of a few tiny images, two steps an epoch.
class TinyLearnerTest : public testing::Test {
 protected:
  TinyLearnerTest() { write_tiny_images(folder_.path(), 4, 2); }
  train::Learner learner() const {
    return train::vision_learner(tiny_block(folder_.path()).loaders({.batch_size = 4, .num_workers = 1, .seed = 1}),
                                 "resnet20", {.seed = 1, .learner = {.precision = model::Precision::kFp32}});
  }
  TemporaryFolder folder_;
};

/// Gives one number of a list after each epoch, NaN behind its end.
class ScriptedMetric : public metric::Metric {
 public:
  ScriptedMetric(std::vector<double> script, metric::Direction direction)
      : script_(std::move(script)), direction_(direction) {}
  std::string name() const override { return "scripted"; }
  metric::Direction direction() const override { return direction_; }
  void reset() override { ++epoch_; }
  void update(const torch::Tensor& /*logits*/, const torch::Tensor& /*targets*/) override {}
  double value() const override {
    return epoch_ <= script_.size() ? script_[epoch_ - 1] : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  std::vector<double> script_;
  metric::Direction direction_;
  std::size_t epoch_ = 0;  ///< from 1
};

inline void script(train::Learner& learner, std::vector<double> values,
                   metric::Direction direction = metric::Direction::kLowerIsBetter) {
  learner.set_metrics({std::make_shared<ScriptedMetric>(std::move(values), direction)});
}

/// Calls a function after each epoch.
class AfterEpoch : public train::Callback {
 public:
  explicit AfterEpoch(std::function<void(train::Learner&, const train::Progress&)> call) : call_(std::move(call)) {}
  void after_epoch(train::Learner& learner, const train::Progress& at, const train::EpochRecord& /*record*/) override {
    call_(learner, at);
  }

 private:
  std::function<void(train::Learner&, const train::Progress&)> call_;
};

inline model::TensorMap copy_of(const model::TensorMap& tensors) {
  model::TensorMap copies;
  for (const auto& [name, tensor] : tensors) copies[name] = tensor.detach().clone();
  return copies;
}

inline bool are_equal(const model::TensorMap& a, const model::TensorMap& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.equal(y.second);
         });
}

inline model::TensorMap weights_of(train::Learner& learner) { return copy_of(learner.classifier().state()); }

}  // namespace margay::testing_support
