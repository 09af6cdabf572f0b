#include <limits>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/focal_loss.h"
#include "margay/loss/input_check.h"
#include "margay/loss/poly1_cross_entropy.h"
#include "margay/train/task_loss.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::expect_near;
using testing_support::thrown_message;
using enum LossKind;
constexpr auto kSingle = data::Task::kSingleLabel;
constexpr auto kMulti = data::Task::kMultiLabel;

class TaskLossTest : public testing::Test {
 protected:
  torch::Tensor logits_ = torch::tensor({{1.0F, -2.0F, 0.5F}, {0.0F, 3.0F, -1.0F}});
  torch::Tensor classes_ = torch::tensor({2, 1}, torch::kLong);
  torch::Tensor labels_ = torch::tensor({{1.0F, 0.0F, 1.0F}, {0.0F, 0.0F, 0.0F}});
  torch::Tensor mixed_ = torch::tensor({{0.25F, 0.0F, 0.75F}, {0.0F, 1.0F, 0.0F}});
  const std::vector<double> weights_ = {1, 2, 3};
};

TEST_F(TaskLossTest, AutoIsTheTasksOwnLoss) {
  expect_near(TaskLoss{kSingle}.mean(logits_, classes_), loss::cross_entropy(logits_, classes_), 1e-6);
  expect_near(TaskLoss{kMulti}.mean(logits_, labels_), loss::binary_cross_entropy_with_logits(logits_, labels_), 1e-6);
}

TEST_F(TaskLossTest, PassesItsOptionsOn) {
  expect_near(
      (TaskLoss{kSingle, weights_, {.label_smoothing = 0.1, .z_loss = 0.01}}.mean(logits_, classes_)),
      loss::cross_entropy(logits_, classes_, {.class_weights = weights_, .label_smoothing = 0.1, .z_loss = 0.01}),
      1e-6);
  expect_near((TaskLoss{kSingle, weights_, {.kind = kFocal, .focal_gamma = 3}}.mean(logits_, classes_)),
              loss::focal_loss(logits_, classes_, {.gamma = 3, .class_weights = weights_}), 1e-6);
  expect_near((TaskLoss{kMulti, {}, {.kind = kFocal, .focal_alpha = 0.25}}.mean(logits_, labels_)),
              loss::binary_focal_loss(logits_, labels_, {.alpha = 0.25}), 1e-6);
  expect_near(
      (TaskLoss{kSingle, {}, {.kind = kPoly1, .label_smoothing = 0.1, .poly1_epsilon = 2}}.mean(logits_, classes_)),
      loss::poly1_cross_entropy(logits_, classes_, {.epsilon = 2, .label_smoothing = 0.1}), 1e-6);
  expect_near(
      (TaskLoss{kMulti, weights_, {.label_smoothing = 0.1}}.mean(logits_, labels_)),
      loss::binary_cross_entropy_with_logits(logits_, labels_, {.pos_weights = weights_, .label_smoothing = 0.1}),
      1e-6);
  const LossOptions asymmetric{
      .kind = kAsymmetric, .asymmetric_gamma_pos = 0, .asymmetric_gamma_neg = 2, .asymmetric_clip = 0.1};
  expect_near((TaskLoss{kMulti, {}, asymmetric}.mean(logits_, labels_)),
              loss::asymmetric_loss(logits_, labels_, {.gamma_pos = 0, .gamma_neg = 2, .clip = 0.1}), 1e-6);
}

TEST_F(TaskLossTest, LeavesDefaultsToTheLosses) {
  expect_near((TaskLoss{kSingle, {}, {.kind = kFocal}}.mean(logits_, classes_)), loss::focal_loss(logits_, classes_),
              1e-6);
  expect_near((TaskLoss{kSingle, {}, {.kind = kPoly1}}.mean(logits_, classes_)),
              loss::poly1_cross_entropy(logits_, classes_), 1e-6);
  expect_near((TaskLoss{kMulti, {}, {.kind = kAsymmetric}}.mean(logits_, labels_)),
              loss::asymmetric_loss(logits_, labels_), 1e-6);
}

TEST_F(TaskLossTest, BceOfOneClassAsksOfEveryClassWhetherItIsThisOne) {
  const TaskLoss plain{kSingle, {}, {.kind = kBce}};
  const torch::Tensor one_hot = torch::tensor({{0.0F, 0.0F, 1.0F}, {0.0F, 1.0F, 0.0F}});
  expect_near(plain.mean(logits_, classes_), loss::binary_cross_entropy_with_logits(logits_, one_hot), 1e-6);
  const TaskLoss smoothed{kSingle, {}, {.kind = kBce, .label_smoothing = 0.3}};
  expect_near(smoothed.mean(logits_, classes_), loss::binary_cross_entropy_with_logits(logits_, one_hot * 0.7 + 0.1),
              1e-6);
  EXPECT_THROW(plain.mean(logits_, torch::tensor({0, 3}, torch::kLong)), loss::TargetError);
  EXPECT_THROW(plain.mean(logits_, torch::tensor({0, -100}, torch::kLong)), loss::TargetError);
}

TEST_F(TaskLossTest, TakesMixedTargetsWhereTheLossDoes) {
  expect_near((TaskLoss{kSingle, {}, {.label_smoothing = 0.1}}.mean(logits_, mixed_)),
              loss::cross_entropy(logits_, mixed_, {.label_smoothing = 0.1}), 1e-6);
  expect_near((TaskLoss{kSingle, {}, {.kind = kBce}}.mean(logits_, mixed_)),
              loss::binary_cross_entropy_with_logits(logits_, mixed_), 1e-6);
  for (const LossKind kind : {kFocal, kPoly1}) {
    const TaskLoss loss{kSingle, {}, {.kind = kind}};
    EXPECT_NE(thrown_message<std::invalid_argument>([&] {
                loss.check(data::MixMethod::kMixup);
              }).find("[loss] " + core::to_text(kind) + " takes one class per image, and mixup makes targets of two"),
              std::string::npos);
    EXPECT_THROW(loss.mean(logits_, mixed_), std::invalid_argument);
  }
  EXPECT_NO_THROW(TaskLoss{}.check(data::MixMethod::kBoth));
}

TEST_F(TaskLossTest, RefusesOptionsOfAnotherLossAndNamesTheOneThereIs) {
  const auto message = [](data::Task task, const LossOptions& options) {
    return thrown_message<std::invalid_argument>([&] { TaskLoss{task, {}, options}.check(); });
  };
  EXPECT_EQ(message(kSingle, {.focal_gamma = 2}),
            "[loss] focal_gamma has no meaning for cross_entropy; leave it out, or choose another loss");
  EXPECT_EQ(message(kMulti, {.z_loss = 1}),
            "[loss] z_loss has no meaning for bce; leave it out, or choose another loss");
  EXPECT_NE(message(kSingle, {.kind = kFocal, .label_smoothing = 0.1}).find("for focal"), std::string::npos);
  EXPECT_NE(message(kSingle, {.kind = kPoly1, .asymmetric_clip = 0.1}).find("for poly1"), std::string::npos);
  EXPECT_NE(message(kSingle, {.kind = kFocal, .focal_alpha = 0.1}).find("focal_alpha"), std::string::npos);
  EXPECT_NE(message(kSingle, {.kind = kAsymmetric}).find("asymmetric is for images with several"), std::string::npos);
  EXPECT_NE(message(kMulti, {.kind = kPoly1}).find("poly1 is for one class"), std::string::npos);
  EXPECT_NE(message(kSingle, {.label_smoothing = 2}).find("label_smoothing must lie in [0, 1]"), std::string::npos);
}

TEST_F(TaskLossTest, RefusesClassWeightsWhereTheLossKnowsNone) {
  for (const LossKind kind : {kFocal, kAsymmetric}) {
    EXPECT_THROW((TaskLoss{kMulti, weights_, {.kind = kind}}.check()), std::invalid_argument);
  }
  EXPECT_NO_THROW((TaskLoss{kSingle, weights_, {.kind = kFocal}}.check()));
}

TEST_F(TaskLossTest, ShowsTheTasksOwnLossWhateverTrains) {
  const TaskLoss trained{kSingle, weights_, {.kind = kFocal}};
  expect_near(trained.of_each(logits_, classes_),
              loss::cross_entropy(logits_, classes_, {.reduction = loss::Reduction::kNone}), 1e-6);
  const TaskLoss multi{kMulti, {}, {.kind = kAsymmetric}};
  expect_near(multi.of_each(logits_, labels_), TaskLoss{kMulti}.of_each(logits_, labels_), 0);
}

TEST_F(TaskLossTest, HasTheGradientOfItsFormula) {
  const auto targets_of = [&](data::Task task) { return task == kSingle ? classes_ : labels_; };
  for (const auto& [task, kind] : {std::pair{kSingle, kFocal}, std::pair{kSingle, kPoly1}, std::pair{kSingle, kBce},
                                   std::pair{kMulti, kFocal}, std::pair{kMulti, kAsymmetric}}) {
    const TaskLoss loss{task, {}, {.kind = kind}};
    const torch::Tensor z = logits_.to(torch::kDouble).requires_grad_();
    loss.mean(z, targets_of(task)).backward();
    for (const std::int64_t k : {0, 1, 2}) {
      const double h = 1e-6;
      torch::Tensor up = z.detach().clone();
      torch::Tensor down = z.detach().clone();
      up[0][k] += h;
      down[0][k] -= h;
      const double slope =
          (loss.mean(up, targets_of(task)) - loss.mean(down, targets_of(task))).item<double>() / (2 * h);
      EXPECT_NEAR(z.grad()[0][k].item<double>(), slope, 1e-6);
    }
  }
}

TEST(LossOptionsTable, GoesThroughJson) {
  const LossOptions options{.kind = kFocal, .focal_gamma = 1.5};
  LossOptions read;
  core::from_json(core::to_json(options), read);
  EXPECT_EQ(read.kind, kFocal);
  EXPECT_EQ(read.focal_gamma, 1.5);
  EXPECT_FALSE(read.label_smoothing);
}

data::Dataset dataset() {
  const data::Items items = {{"a.jpg", "cat"}, {"b.jpg", "dog"}, {"c.jpg", "cat"}};
  return {std::make_shared<data::Items>(items), {0, 1, 2}, data::Vocabulary({"cat", "dog"})};
}

data::Batch batch(std::vector<std::int64_t> targets) {
  return {.images = {}, .targets = torch::tensor(targets, torch::kLong), .ids = {2, 0, 1}};
}

TEST(BatchLoss, NamesTheImageWhoseTargetIsNoClass) {
  const auto call = [] { batch_loss(training_loss({}), torch::zeros({3, 2}), batch({0, 1, 2}), dataset()); };
  EXPECT_EQ(thrown_message<core::DataError>(call),
            "b.jpg: its target 2 is no class index; the network's 2 classes allow 0 to 1");
}

TEST(BatchLoss, NamesTheImagesWithoutFiniteLogits) {
  torch::Tensor logits = torch::zeros({3, 2});
  logits[0][1] = std::numeric_limits<float>::infinity();
  const auto call = [&] { check_finite(std::nan(""), logits, batch({0, 1, 0}), dataset(), "step 7 of epoch 2"); };
  const std::string message = thrown_message<DivergedError>(call);
  EXPECT_EQ(message.find(
                "the loss is not a number in step 7 of epoch 2: the logits are not finite for 1 of 3 images (c.jpg). "),
            0U)
      << message;
}

TEST(BatchLoss, NamesTheImagesWhoseFiniteLogitsMakeAnInfiniteLoss) {
  const torch::Tensor logits = torch::tensor({{3.4e38F, -3.4e38F}, {3.4e38F, -3.4e38F}, {0.0F, 0.0F}});
  const data::Batch of_three = batch({1, 1, 0});
  const double loss = batch_loss(training_loss({}), logits, of_three, dataset()).item<double>();
  const std::string message =
      thrown_message<DivergedError>([&] { check_finite(loss, logits, of_three, dataset(), "step 1 of epoch 1"); });
  EXPECT_NE(message.find("the loss itself overflows for 2 of 3 images (c.jpg, a.jpg)"), std::string::npos) << message;
}

TEST(BatchLoss, AFiniteLossIsFineAndNoLayerIsLookedFor) {
  bool was_asked = false;
  const auto find_layer = [&] {
    was_asked = true;
    return std::string("head");
  };
  EXPECT_NO_THROW(check_finite(3e38, torch::zeros({3, 2}), batch({0, 1, 0}), dataset(), "", find_layer));
  EXPECT_FALSE(was_asked);
}

}  // namespace

}  // namespace margay::train
