#include "margay/model/gradient_checkpointing.h"

#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/classifier.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/precision.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::thrown_message;
using Mode = GradientCheckpointing;

/// What one training step leaves behind.
struct StepResult {
  torch::Tensor loss;
  std::vector<torch::Tensor> gradients;  ///< undefined ones are empty tensors
  std::vector<torch::Tensor> buffers;
  torch::Tensor next_random;
};

void expect_same_bits(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(a[i].equal(b[i])) << "tensor " << i;
    EXPECT_EQ(a[i].strides(), b[i].strides()) << "tensor " << i;
  }
}

void expect_same_bits(const StepResult& a, const StepResult& b) {
  EXPECT_TRUE(a.loss.equal(b.loss)) << a.loss << b.loss;
  EXPECT_TRUE(a.next_random.equal(b.next_random));
  expect_same_bits(a.gradients, b.gradients);
  expect_same_bits(a.buffers, b.buffers);
}

StepResult result_of(const torch::nn::Module& module, const torch::Tensor& loss) {
  StepResult result{loss.detach(), {}, {}, torch::rand({3})};
  for (const torch::Tensor& each : module.parameters()) {
    result.gradients.push_back(each.grad().defined() ? each.grad() : torch::empty({0}));
  }
  for (const torch::Tensor& each : module.buffers()) result.buffers.push_back(each);
  return result;
}

struct Setting {
  std::int64_t frozen_groups = 0;
  Precision precision = Precision::kFp32;
  bool is_training = true;
  int steps = 1;  ///< whose gradients add up
};

/// The same classifier, images and random numbers whenever it is called.
StepResult step_of_classifier(Mode mode, const Setting& setting) {
  torch::manual_seed(1);
  const auto classifier = make_classifier({.architecture = "resnet20", .num_classes = 3, .head = {.hidden = {8}}});
  classifier->set_gradient_checkpointing(mode);
  classifier->freeze_to(static_cast<int>(setting.frozen_groups));
  classifier->train(setting.is_training);
  torch::Tensor loss;
  for (int i = 0; i < setting.steps; ++i) {
    const torch::Tensor images = torch::randn({4, 3, 16, 16});
    {
      const Autocast autocast(torch::kCPU, setting.precision);
      loss = classifier->forward(images).to(torch::kFloat).square().mean();
    }
    loss.backward();
  }
  return result_of(*classifier, loss);
}

void expect_no_difference(const Setting& setting) {
  expect_same_bits(step_of_classifier(Mode::kOff, setting), step_of_classifier(Mode::kOn, setting));
}

TEST(GradientCheckpointing, ChangesNoBitOfATrainingStep) { expect_no_difference({}); }
TEST(GradientCheckpointing, ChangesNoBitOfGradientsThatAddUp) { expect_no_difference({.steps = 2}); }
TEST(GradientCheckpointing, ChangesNoBitWithAFrozenBody) { expect_no_difference({.frozen_groups = 2}); }
TEST(GradientCheckpointing, ChangesNoBitWithAHalfFrozenBody) { expect_no_difference({.frozen_groups = 1}); }
TEST(GradientCheckpointing, ChangesNoBitUnderAutocast) { expect_no_difference({.precision = Precision::kBf16}); }
TEST(GradientCheckpointing, ChangesNoBitInEvalMode) { expect_no_difference({.is_training = false}); }

TEST(GradientCheckpointing, GivesTheSameGradientOfTheImages) {
  torch::manual_seed(2);
  const auto classifier = make_classifier({.architecture = "resnet20"});
  classifier->eval();
  std::vector<torch::Tensor> gradients;
  for (const Mode mode : {Mode::kOff, Mode::kOn}) {
    torch::manual_seed(3);
    const torch::Tensor images = torch::randn({2, 3, 16, 16}).requires_grad_();
    classifier->set_gradient_checkpointing(mode);
    classifier->forward(images).sum().backward();
    gradients.push_back(images.grad());
  }
  EXPECT_TRUE(gradients[0].equal(gradients[1]));
  EXPECT_GT(gradients[0].abs().max().item<float>(), 0);
}

TEST(GradientCheckpointing, WorksWhileAutocastIsStillOn) {
  const auto gradients_in = [](Mode mode) {
    torch::manual_seed(4);
    const auto classifier = make_classifier({.architecture = "resnet20"});
    classifier->set_gradient_checkpointing(mode);
    const Autocast autocast(torch::kCPU, Precision::kBf16);
    const torch::Tensor loss = classifier->forward(torch::randn({2, 3, 16, 16})).sum();
    loss.backward();
    return result_of(*classifier, loss);
  };
  expect_same_bits(gradients_in(Mode::kOff), gradients_in(Mode::kOn));
}

/// A GPU's backward pass runs on a thread of LibTorch's, as here one of the test's.
TEST(GradientCheckpointing, SeesTheOtherProcessesInABackwardPassOfAnotherThread) {
  const auto gradients = [](bool is_checkpointed) {
    torch::manual_seed(6);
    SyncedNorm2d norm(3);
    const Segment segment{[&](const torch::Tensor& x) { return norm->forward(x).square(); }, {norm.ptr()}};
    const torch::Tensor x = torch::randn({4, 3, 2, 2}).requires_grad_();
    const SyncedNorms synced([](std::span<double> values) {
      for (double& value : values) value += 1;  // of a process with other images
    });
    const torch::Tensor loss = (is_checkpointed ? checkpointed(segment, x) : segment.run(x)).sum();
    std::thread([&] { loss.backward(); }).join();
    return std::vector<torch::Tensor>{x.grad(), norm->weight.grad(), norm->running_mean};
  };
  expect_same_bits(gradients(false), gradients(true));
}

/// A segment with dropout, whose middle tensor and number of runs can be looked at.
class Watched {
 public:
  Watched() : first_(4, 4), last_(4, 2) {}

  Segment segment() {
    return {[this](const torch::Tensor& x) { return run(x); }, {first_.ptr(), last_.ptr()}};
  }
  torch::Tensor run(const torch::Tensor& x) {
    ++runs_;
    const torch::Tensor middle = torch::dropout(first_->forward(x).square(), 0.5, true);
    middle_ = c10::weak_intrusive_ptr<c10::TensorImpl>(middle.getIntrusivePtr());
    return last_->forward(middle);
  }
  int runs() const { return runs_; }
  bool keeps_middle() const { return middle_ && !middle_->expired(); }
  torch::nn::Linear first() { return first_; }
  torch::nn::Linear last() { return last_; }

 private:
  torch::nn::Linear first_, last_;
  int runs_ = 0;
  std::optional<c10::weak_intrusive_ptr<c10::TensorImpl>> middle_;
};

TEST(Checkpointed, KeepsNoActivationAndRunsAgainInBackward) {
  Watched watched;
  const torch::Tensor x = torch::randn({8, 4});
  {
    const torch::Tensor plain = watched.run(x);
    EXPECT_TRUE(watched.keeps_middle());
  }
  const torch::Tensor y = checkpointed(watched.segment(), x);
  EXPECT_FALSE(watched.keeps_middle());
  EXPECT_EQ(watched.runs(), 2);
  y.sum().backward();
  EXPECT_EQ(watched.runs(), 3);
}

TEST(Checkpointed, DropsTheSameElementsAgain) {
  Watched watched;
  const auto gradients = [&](bool is_checkpointed) {
    torch::manual_seed(5);
    const torch::Tensor x = torch::randn({8, 4}).requires_grad_();
    const torch::Tensor y = is_checkpointed ? checkpointed(watched.segment(), x) : watched.run(x);
    torch::rand({7});  // the generator moves on between the passes
    watched.first()->zero_grad();
    watched.last()->zero_grad();
    y.square().sum().backward();
    return std::vector{y.detach(), x.grad(), watched.first()->weight.grad().clone(),
                       watched.last()->bias.grad().clone(), torch::rand({3})};
  };
  expect_same_bits(gradients(false), gradients(true));
}

TEST(Checkpointed, GivesGradientsToParametersOfAnInputThatNeedsNone) {
  Watched watched;
  checkpointed(watched.segment(), torch::ones({2, 4})).sum().backward();
  EXPECT_TRUE(watched.first()->weight.grad().defined());
  EXPECT_TRUE(watched.last()->weight.grad().defined());
}

TEST(Checkpointed, LeavesFrozenParametersWithoutGradient) {
  Watched watched;
  watched.first()->weight.set_requires_grad(false);
  checkpointed(watched.segment(), torch::ones({2, 4})).sum().backward();
  EXPECT_FALSE(watched.first()->weight.grad().defined());
  EXPECT_TRUE(watched.first()->bias.grad().defined());
}

TEST(Checkpointed, JustRunsWhereNothingNeedsAGradient) {
  Watched watched;
  const auto has_graph = [&] { return checkpointed(watched.segment(), torch::ones({2, 4})).requires_grad(); };
  EXPECT_TRUE(has_graph());
  {
    const torch::NoGradGuard no_grad;
    EXPECT_FALSE(has_graph());
  }
  for (const torch::nn::Linear& linear : {watched.first(), watched.last()}) {
    for (torch::Tensor& each : linear->parameters()) each.set_requires_grad(false);
  }
  EXPECT_FALSE(has_graph());
}

TEST(Checkpointed, GoesBackwardTwiceIfTheGraphIsRetained) {
  Watched watched;
  const torch::Tensor loss = checkpointed(watched.segment(), torch::ones({2, 4})).sum();
  loss.backward({}, /*retain_graph=*/true);
  const torch::Tensor once = watched.first()->weight.grad().clone();
  loss.backward();
  EXPECT_TRUE(watched.first()->weight.grad().equal(2 * once));
}

TEST(Checkpointed, RefusesGradientsOfGradients) {
  Watched watched;
  const torch::Tensor x = torch::ones({2, 4}).requires_grad_();
  const torch::Tensor loss = checkpointed(watched.segment(), x).sum();
  const auto differentiate = [&] {
    torch::autograd::grad({loss}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true);
  };
  EXPECT_EQ(thrown_message<std::invalid_argument>(differentiate),
            "[checkpointed] gradients of gradients (create_graph) need the graph that gradient checkpointing drops; "
            "switch it off");
}

TEST(Checkpointed, PassesOnWhatTheSegmentThrowsAndPutsEverythingBack) {
  torch::nn::BatchNorm1d norm(4);
  int runs = 0;
  const Segment segment{[&](const torch::Tensor& x) {
                          const torch::Tensor y = norm->forward(x);
                          if (++runs == 2) throw std::runtime_error("second run");
                          return y;
                        },
                        {norm.ptr()}};
  const torch::Tensor loss = checkpointed(segment, torch::randn({6, 4})).sum();
  const torch::Tensor statistics = norm->running_mean.clone();
  EXPECT_EQ(thrown_message<std::runtime_error>([&] { loss.backward(); }), "second run");
  EXPECT_TRUE(norm->running_mean.equal(statistics));
  EXPECT_EQ(norm->num_batches_tracked.item<int>(), 1);
}

}  // namespace
}  // namespace margay::model
