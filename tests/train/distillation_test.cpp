#include "margay/train/distillation.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/bundle/bundle.h"
#include "margay/core/error.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

using testing_support::expect_near;
using testing_support::thrown_message;

TEST(DistillationDivergence, GivesNumbersComputedByHand) {
  // With T = 2: teacher softmax(log 9 / 2, 0) = (3/4, 1/4), student (1/2, 1/2).
  const torch::Tensor teacher = torch::tensor({{std::log(9.0F), 0.0F}, {0.0F, 0.0F}});
  const torch::Tensor student = torch::zeros({2, 2});
  const double first = 0.75 * std::log(1.5) + 0.25 * std::log(0.5);
  EXPECT_NEAR(distillation_divergence(student, teacher, 2).item<double>(), first / 2, 1e-6);
  EXPECT_NEAR(distillation_divergence(teacher, teacher, 3).item<double>(), 0, 1e-6);
}

TEST(DistillationDivergence, TakesATeacherWhoIsSure) {
  const torch::Tensor sure = torch::tensor({{2000.0F, 0.0F}});
  EXPECT_NEAR(distillation_divergence(torch::zeros({1, 2}), sure, 1).item<double>(), std::log(2.0), 1e-6);
}

TEST(DistillationDivergence, PullsTheStudentToTheTeacher) {
  const torch::Tensor teacher = torch::tensor({{2.0F, -1.0F, 0.0F}});
  const torch::Tensor student = torch::zeros({1, 3}).requires_grad_();
  distillation_divergence(student, teacher, 4).backward();
  const torch::Tensor expected = (torch::softmax(student.detach() / 4, 1) - torch::softmax(teacher / 4, 1)) / 4;
  expect_near(student.grad(), expected, 1e-6);
}

class DistillationTest : public testing::Test {
 protected:
  DistillationTest() {
    testing_support::write_tiny_images(folder_.path(), 4, 2);
    torch::manual_seed(3);
    teacher_.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 2});
    teacher_.classifier->eval();
    teacher_.vocabulary = data::Vocabulary({"flat", "upright"});
  }
  data::Loaders loaders() const { return testing_support::tiny_block(folder_.path()).loaders({.batch_size = 4}); }
  Distillation distillation(const TrainingLoss& base, double alpha = 0.9) const {
    bundle::save_bundle(file_, teacher_);
    return {{.teacher = file_, .distill_alpha = alpha}, loaders(), torch::kCPU, model::Precision::kFp32, base};
  }
  std::string refusal() const {
    return thrown_message<core::DataError>([&] { distillation(training_loss({})); });
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "teacher.margay";
  bundle::Bundle teacher_;
};

TEST_F(DistillationTest, MixesTheTeachersPredictionsWithTheLabels) {
  const TrainingLoss base = training_loss({});
  const TrainingLoss loss = distillation(base, 0.75);
  const data::Batch batch = *loaders().train.pass().next();
  const torch::Tensor logits = torch::randn({4, 2}).requires_grad_();
  const torch::Tensor predictions = [&] {
    const torch::NoGradGuard no_grad;
    return teacher_.classifier->forward(batch.images);
  }();
  const torch::Tensor expected =
      0.75 * 16 * distillation_divergence(logits, predictions, 4) + 0.25 * base(logits, batch);
  const torch::Tensor actual = loss(logits, batch);
  expect_near(actual, expected, 1e-6);
  actual.backward();
  EXPECT_TRUE(logits.grad().abs().sum().item<double>() > 0);
}

TEST_F(DistillationTest, NormalisesForTheTeacherAsItWasTrained) {
  const data::Batch batch = *loaders().train.pass().next();
  const torch::Tensor same = distillation(training_loss({})).teacher_logits(batch.images);
  expect_near(same, teacher_.classifier->forward(batch.images).detach(), 1e-5);

  const data::Normalization ours = teacher_.transforms.normalization;
  teacher_.transforms.normalization = {{0.5, 0.4, 0.3}, {0.2, 0.3, 0.4}};
  const auto channels = [](const std::array<double, 3>& values) {
    return torch::tensor({values[0], values[1], values[2]}, torch::kFloat).view({1, 3, 1, 1});
  };
  const torch::Tensor pixels = batch.images * channels(ours.std) + channels(ours.mean);
  const data::Normalization& theirs = teacher_.transforms.normalization;
  const torch::Tensor expected =
      teacher_.classifier->forward((pixels - channels(theirs.mean)) / channels(theirs.std)).detach();
  expect_near(distillation(training_loss({})).teacher_logits(batch.images), expected, 1e-4);
}

TEST_F(DistillationTest, RefusesATeacherOfOtherClasses) {
  teacher_.vocabulary = data::Vocabulary({"upright", "flat"});
  EXPECT_NE(refusal().find("teacher.margay: the teacher's class 0 is 'upright', the data's is 'flat'"),
            std::string::npos);
  teacher_.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 3});
  teacher_.vocabulary = data::Vocabulary({"flat", "slanted", "upright"});
  EXPECT_NE(refusal().find("the teacher knows 3 classes (flat, slanted, upright), the data has 2 (flat, upright)"),
            std::string::npos);
}

TEST_F(DistillationTest, RefusesATeacherOfSeveralLabelsAndOneThatIsNotThere) {
  teacher_.task = data::Task::kMultiLabel;
  EXPECT_NE(refusal().find("several labels"), std::string::npos);
  EXPECT_THROW(Distillation({.teacher = folder_ / "none.margay"}, loaders(), torch::kCPU, model::Precision::kFp32,
                            training_loss({})),
               core::DataError);
  EXPECT_THROW(distillation(training_loss({}), 1.5), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
