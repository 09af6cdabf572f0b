#include "margay/train/batch_size/find_batch_size.h"

#include <memory>
#include <optional>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/cpu_memory.h"

namespace margay::train {
namespace {

constexpr std::size_t kMega = 1'000'000;
const StepShape kStep{.image_px = 32, .precision = model::Precision::kFp32, .batches_held = 0};

std::shared_ptr<model::Classifier> small_classifier() {
  torch::manual_seed(1);
  return model::make_classifier({.architecture = "resnet20", .num_classes = 3, .head = {.hidden = {8}}});
}

TEST(LiveMemory, CountsWhatIsThereAndTheMostAtOnce) {
  const torch::Tensor before = torch::ones({1000});
  std::optional<torch::Tensor> after;
  {
    const model::LiveMemory memory;
    {
      const torch::Tensor big = torch::empty({500'000});
      EXPECT_EQ(memory.bytes(), 2 * kMega);
    }
    EXPECT_EQ(memory.bytes(), 0U);
    after = torch::ones({250'000});
    EXPECT_EQ(memory.bytes(), kMega);
    EXPECT_EQ(memory.peak_bytes(), 2 * kMega);
    EXPECT_THROW(model::LiveMemory(), core::InternalError);
  }
  const model::LiveMemory again;
  EXPECT_EQ(after->sum().item<float>(), 250'000);
  after.reset();
  EXPECT_EQ(again.bytes(), 0U);
}

TEST(LiveMemory, OutlivingTensorsGrowAsOthers) {
  torch::Tensor tensor;
  {
    const model::LiveMemory memory;
    tensor = torch::ones({1000});
  }
  tensor.resize_({5000}).fill_(2);
  EXPECT_EQ(tensor.sum().item<float>(), 10'000);
}

TEST(StepMemory, GrowsInProportionToTheBatch) {
  const auto classifier = small_classifier();
  const auto at = [&](std::int64_t batch) { return static_cast<double>(step_memory_bytes(*classifier, kStep, batch)); };
  const double small = at(16);
  const double middle = at(32);
  EXPECT_NEAR(at(64) / (small + 3 * (middle - small)), 1, 0.02);
}

TEST(StepMemory, IsLessWithGradientCheckpointing) {
  const auto classifier = small_classifier();
  const auto plain = static_cast<double>(step_memory_bytes(*classifier, kStep, 32));
  classifier->set_gradient_checkpointing(model::GradientCheckpointing::kOn);
  EXPECT_LT(static_cast<double>(step_memory_bytes(*classifier, kStep, 32)), 0.7 * plain);
}

TEST(StepMemory, CountsWhatIsFrozenToo) {
  const auto classifier = small_classifier();
  const std::uint64_t all = step_memory_bytes(*classifier, kStep, 16);
  classifier->freeze();
  EXPECT_EQ(step_memory_bytes(*classifier, kStep, 16), all);
}

TEST(FindBatchSize, FillsTheMemoryThatItMayUse) {
  const auto classifier = small_classifier();
  const BatchSizeAdvice advice = find_batch_size(*classifier, kStep, {.memory_limit_mb = 60});
  EXPECT_EQ(advice.limit_bytes, 60 * kMega);
  EXPECT_LE(advice.needed_bytes, 54 * kMega);
  const std::uint64_t real = step_memory_bytes(*classifier, kStep, advice.batch_size);
  EXPECT_NEAR(static_cast<double>(advice.needed_bytes) / static_cast<double>(real), 1, 0.02);
  EXPECT_GT(step_memory_bytes(*classifier, kStep, advice.batch_size + 8), 53 * kMega);
}

TEST(FindBatchSize, CountsBatchesThatTheLoaderHolds) {
  const auto classifier = small_classifier();
  StepShape with_loader = kStep;
  with_loader.batches_held = 10;
  const AutoBatchOptions options{.memory_limit_mb = 60};
  EXPECT_LT(find_batch_size(*classifier, with_loader, options).batch_size,
            find_batch_size(*classifier, kStep, options).batch_size);
}

TEST(FindBatchSize, AsksTheSystemForFreeMemory) {
  const BatchSizeAdvice advice = find_batch_size(*small_classifier(), kStep, {.largest = 16});
  EXPECT_EQ(advice.batch_size, 16);
  EXPECT_GT(advice.limit_bytes, kMega);
}

TEST(FindBatchSize, WorksForSeveralLabelsAnImage) {
  StepShape step = kStep;
  step.loss.task = data::Task::kMultiLabel;
  EXPECT_EQ(find_batch_size(*small_classifier(), step, {.largest = 8}).batch_size, 8);
}

class FindBatchSizeLeaves : public testing::Test {
 protected:
  FindBatchSizeLeaves() : classifier_(small_classifier()) {
    classifier_->freeze();
    classifier_->eval();
    classifier_->head()->train();
    for (const auto& [name, tensor] : classifier_->state()) before_[name] = tensor.clone();
    torch::manual_seed(9);
  }

  void expect_untouched() {
    const torch::Tensor drawn = torch::rand({4});
    torch::manual_seed(9);
    EXPECT_TRUE(drawn.equal(torch::rand({4})));
    torch::manual_seed(9);
    for (const auto& [name, tensor] : classifier_->state()) EXPECT_TRUE(tensor.equal(before_.at(name))) << name;
    for (const torch::Tensor& each : classifier_->parameters()) EXPECT_FALSE(each.grad().defined());
    EXPECT_FALSE(classifier_->named_parameters()["backbone.conv1.weight"].requires_grad());
    EXPECT_TRUE(classifier_->named_parameters()["backbone.bn1.weight"].requires_grad());
    EXPECT_FALSE(classifier_->backbone().is_training());
    EXPECT_TRUE(classifier_->head()->is_training());
  }

  std::shared_ptr<model::Classifier> classifier_;
  model::TensorMap before_;
};

TEST_F(FindBatchSizeLeaves, TheClassifierAsItWas) {
  find_batch_size(*classifier_, kStep, {.memory_limit_mb = 60, .largest = 16});
  expect_untouched();
}

TEST_F(FindBatchSizeLeaves, TheClassifierAsItWasWhenTheStepThrows) {
  StepShape step = kStep;
  step.loss.class_weights = {1};  // of three classes: the loss refuses, after the network has run
  EXPECT_THROW(find_batch_size(*classifier_, step, {.memory_limit_mb = 60, .largest = 16}), std::invalid_argument);
  expect_untouched();
  step = kStep;
  step.precision = model::Precision::kFp16;
  EXPECT_THROW(find_batch_size(*classifier_, step, {.largest = 16}), std::invalid_argument);
  expect_untouched();
}

}  // namespace
}  // namespace margay::train
