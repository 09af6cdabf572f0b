#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <vector>

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/cpu_memory.h"
#include "margay/train/batch_size/find_batch_size.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

/// 50 MB, and 2 MB for each image.
std::uint64_t line(std::int64_t batch) { return 50'000'000 + 2'000'000 * static_cast<std::uint64_t>(batch); }

template <class Error>
BatchProbe fails_beyond(std::int64_t most) {
  return [most](std::int64_t batch) -> std::uint64_t {
    if (batch > most) throw Error();
    return 0;
  };
}

TEST(BatchSearch, FindsTheLargestMultipleOfEightThatFits) {
  for (std::int64_t batch = 8; batch <= 1024; batch += 8) {
    const auto limit_mb = static_cast<std::int64_t>(line(batch) / 1'000'000);
    EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = limit_mb, .safety = 1}), batch);
    EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = limit_mb + 15, .safety = 1}), batch);
  }
}

TEST(BatchSearch, UsesTheSafeShareOfTheMemory) {
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 1000, .safety = 0.5}), 224);  // 498 of 500 MB
}

TEST(BatchSearch, StopsAtTheLargest) {
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 100'000, .largest = 100}), 96);
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 100'000, .largest = 8}), 8);
  EXPECT_EQ(find_batch_size(line, {}), 1024);
}

TEST(BatchSearch, TakesFourOrTwoWhereEightAreTooMany) {
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 60, .safety = 1}), 4);
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 54, .safety = 1}), 2);
}

TEST(BatchSearch, SaysWhenNotEvenTwoFit) {
  EXPECT_EQ(thrown_message<core::Error>([] { find_batch_size(line, {.memory_limit_mb = 50}); }),
            "two images need 54 MB, and 45 MB may be used; use smaller images or another network");
  EXPECT_EQ(thrown_message<core::Error>([] { find_batch_size(fails_beyond<std::bad_alloc>(1), {}); }),
            "not even two images fit into memory; use smaller images or another network");
}

TEST(BatchSearch, TakesTheSafeShareOfWhatRunsOutOfMemory) {
  EXPECT_EQ(find_batch_size(fails_beyond<std::bad_alloc>(200), {.safety = 1}), 200);
  EXPECT_EQ(find_batch_size(fails_beyond<std::bad_alloc>(200), {.safety = 0.9}), 176);
  EXPECT_EQ(find_batch_size(fails_beyond<std::bad_alloc>(9), {.safety = 0.5}), 8);
}

TEST(BatchSearch, KnowsLibTorchsErrorsOfMemory) {
  const auto throwing = [](auto fail) {
    return [fail](std::int64_t batch) -> std::uint64_t {
      if (batch > 64) fail();
      return 0;
    };
  };
  const auto typed = throwing([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "no room"); });
  const auto cuda = throwing([] { TORCH_CHECK(false, "CUDA error: out of memory"); });
  const auto cpu = throwing([] { TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory"); });
  for (const BatchProbe& probe : {BatchProbe(typed), BatchProbe(cuda), BatchProbe(cpu)}) {
    EXPECT_EQ(find_batch_size(probe, {.safety = 1}), 64);
  }
}

TEST(BatchSearch, PassesOtherErrorsOn) {
  EXPECT_THROW(find_batch_size(fails_beyond<std::bad_function_call>(16), {}), std::bad_function_call);
  const auto other = [](std::int64_t) -> std::uint64_t { TORCH_CHECK(false, "wrong shape"); };
  EXPECT_THROW(find_batch_size(other, {}), c10::Error);
}

TEST(BatchSearch, AsksSeldom) {
  std::vector<std::int64_t> asked;
  const auto probe = [&](std::int64_t batch) {
    asked.push_back(batch);
    return line(batch);
  };
  EXPECT_EQ(find_batch_size(probe, {.memory_limit_mb = 300, .safety = 1}), 120);
  EXPECT_EQ(asked, (std::vector<std::int64_t>{8, 16, 32, 64, 128, 96, 112, 120}));
}

TEST(BatchSearch, RefusesOptionsOutsideTheirRange) {
  EXPECT_THROW(find_batch_size(line, {.largest = 4}), std::invalid_argument);
  EXPECT_THROW(find_batch_size(line, {.safety = 1.5}), std::invalid_argument);
}

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
