#include "margay/train/learner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/bundle/bundle.h"
#include "margay/core/error.h"
#include "margay/train/callback/callback.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/task_loss.h"
#include "margay/train/vision_learner.h"
#include "tests/support/golden.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;

class LearnerTest : public testing::Test {
 protected:
  LearnerTest() { testing_support::write_tiny_images(folder_.path(), 20, 6); }

  Learner learner(int batch_size = 8, std::uint64_t seed = 1, const LearnerOptions& options = kFp32) const {
    data::Loaders loaders =
        testing_support::tiny_block(folder_.path()).loaders({.batch_size = batch_size, .num_workers = 2, .seed = seed});
    return vision_learner(std::move(loaders), "resnet20", {.seed = seed, .learner = options});
  }
  void break_image(const std::string& name) const { std::ofstream(folder_ / name) << "not an image"; }

  static inline const LearnerOptions kFp32 = {.precision = model::Precision::kFp32};
  TemporaryFolder folder_;
};

/// Writes down what it hears.
class Listener : public Callback {
 public:
  void before_fit(Learner&, const Progress&) override { events += "F"; }
  void before_epoch(Learner&, const Progress&) override { events += "E"; }
  void before_batch(Learner&, const Progress& at) override {
    events += "b";
    lrs.push_back(at.lrs);
    fractions.push_back(at.fraction);
    times.push_back(std::chrono::steady_clock::now());
  }
  void after_loss(Learner&, const Progress& at) override {
    EXPECT_EQ(at.logits.size(0), at.batch.size());
    events += "l";
  }
  void before_step(Learner&, const Progress&) override { events += "s"; }
  void after_batch(Learner&, const Progress& at) override { events += at.is_training ? "B" : "v"; }
  void after_train(Learner&, const Progress&) override { events += "T"; }
  void after_validate(Learner&, const Progress&) override { events += "V"; }
  void after_epoch(Learner&, const Progress&, const EpochRecord&) override { events += "e"; }
  void after_fit(Learner&, const Progress&) override { events += "f"; }

  std::string events;
  std::vector<std::vector<double>> lrs;
  std::vector<double> fractions;
  std::vector<std::chrono::steady_clock::time_point> times;
};

std::vector<torch::Tensor> values(Learner& learner) {
  std::vector<torch::Tensor> all;
  for (const auto& [name, tensor] : learner.classifier().state()) all.push_back(tensor.clone());
  return all;
}

bool are_equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return x.equal(y); });
}

TEST_F(LearnerTest, LearnsToTellStripesApart) {
  Learner learner = this->learner();
  learner.fit_one_cycle(6, 5e-3);
  ASSERT_EQ(learner.history().size(), 6U);
  EXPECT_LT(learner.history().back().metrics.at(0), 0.1);
  EXPECT_LT(learner.history().back().train_loss, learner.history().front().train_loss);
}

TEST_F(LearnerTest, AnnouncesEventsInOrder) {
  Learner learner = this->learner(20);
  const auto listener = std::make_shared<Listener>();
  learner.add_callback(listener);
  learner.fit(2, 1e-4);
  EXPECT_EQ(listener->events, "FEblsBblsBTvVeEblsBblsBTvVef");
}

/// Makes the network's last bias NaN before the third step.
class Poison : public Callback {
 public:
  void before_batch(Learner& learner, const Progress& at) override {
    if (at.step == 2)
      learner.classifier().parameter_groups().back().parameters.back().tensor.data().fill_(std::nan(""));
  }
};

TEST_F(LearnerTest, StopsWhenTheLossIsNoNumberAndNamesTheImages) {
  Learner learner = this->learner(4);
  learner.add_callback(std::make_shared<Poison>());
  const std::string message = thrown_message<DivergedError>([&] { learner.fit(1, 1e-3); });
  EXPECT_NE(message.find("the loss is not a number in step 3 of epoch 1"), std::string::npos) << message;
  EXPECT_NE(message.find(" for 4 of 4 images (" + folder_.path().string()), std::string::npos) << message;
  EXPECT_EQ(learner.steps().size(), 2U) << "the bad step must not have happened";
}

TEST_F(LearnerTest, GivesTheSameNumbersForTheSameSeed) {
  Learner first = learner();
  first.fit_one_cycle(2);
  Learner second = learner();
  second.fit_one_cycle(2);
  EXPECT_TRUE(are_equal(values(first), values(second)));
  Learner other = learner(8, 2);
  other.fit_one_cycle(2);
  EXPECT_FALSE(are_equal(values(first), values(other)));
}

TEST_F(LearnerTest, FineTuneUsesFastaisRates) {
  MARGAY_REQUIRE_GOLDEN("schedules.json");
  const auto golden = testing_support::golden("schedules.json")["loop_fine_tune_2epoch_10it_base_lr2e-3_freeze1"];
  Learner learner = this->learner(4);  // 40 images: 10 steps in an epoch
  const auto listener = std::make_shared<Listener>();
  learner.add_callback(listener);
  learner.fine_tune(2);
  ASSERT_EQ(listener->lrs.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) {
    for (std::size_t g = 0; g < 3; ++g) {
      const auto lr = golden[i]["lr"][g].get<double>();
      EXPECT_NEAR(listener->lrs[i][g], lr, lr * 1e-4) << "step " << i << ", group " << g;
    }
  }
}

TEST_F(LearnerTest, FrozenLayersKeepTheirWeightsButNotTheirBatchNorms) {
  Learner learner = this->learner();
  learner.freeze();
  const auto before = learner.classifier().state();
  std::map<std::string, torch::Tensor> copies;
  for (const auto& [name, tensor] : before) copies[name] = tensor.clone();
  learner.fit(1, 1e-2);
  EXPECT_TRUE(learner.classifier().state().at("backbone.conv1.weight").equal(copies.at("backbone.conv1.weight")));
  EXPECT_FALSE(learner.classifier().state().at("backbone.bn1.weight").equal(copies.at("backbone.bn1.weight")));
  EXPECT_FALSE(
      learner.classifier().state().at("backbone.bn1.running_mean").equal(copies.at("backbone.bn1.running_mean")));
  EXPECT_FALSE(learner.classifier().state().at("head.8.weight").equal(copies.at("head.8.weight")));
}

TEST_F(LearnerTest, StopsCleanlyWhenAsked) {
  Learner learner = this->learner();
  int steps = 0;
  learner.add_callback(std::make_shared<StopWhen>([&] { return ++steps == 3; }));
  EXPECT_EQ(thrown_message<core::Interrupted>([&] { learner.fit(2); }),
            "stopped in epoch 1 of 2 (fit), after batch 3 of 5");
  EXPECT_EQ(learner.steps().size(), 3U);
}

TEST_F(LearnerTest, ReportsEachUnreadableImageOnce) {
  break_image("train/flat/3.png");
  break_image("valid/flat/1.png");
  Learner learner = this->learner();
  learner.fit(3, 1e-3);
  EXPECT_EQ(learner.skipped().size(), 2U);
}

TEST_F(LearnerTest, GetPredsAgreesWithTheHistory) {
  Learner learner = this->learner();
  learner.fit(1, 1e-3);
  const predict::Predictions predictions = learner.get_preds();
  EXPECT_EQ(predictions.logits.sizes(), (std::vector<std::int64_t>{12, 2}));
  EXPECT_NEAR(predictions.losses.mean().item<double>(), learner.history().back().valid_loss, 1e-5);
  EXPECT_EQ(predictions.ids.size(), 12U);
}

TEST_F(LearnerTest, TrainsInBfloat16AsWellAsInFloat32) {
  if (!model::cpu_has_bf16()) GTEST_SKIP() << "this processor has no bfloat16 arithmetic";
  Learner learner = this->learner(8, 1, {.precision = model::Precision::kBf16});
  learner.fit_one_cycle(6, 5e-3);
  EXPECT_LT(learner.history().back().metrics.at(0), 0.1);
}

TEST_F(LearnerTest, SavesABundleWithBitEqualLogits) {
  Learner learner = this->learner();
  learner.fit(1, 1e-3);
  learner.save(folder_ / "m.margay");
  const bundle::Bundle loaded = bundle::load_bundle(folder_ / "m.margay");
  learner.classifier().eval();
  const torch::Tensor images = torch::randn({3, 3, 16, 16});
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(loaded.classifier->forward(images).equal(learner.classifier().forward(images)));
  EXPECT_EQ(loaded.vocabulary, learner.loaders().vocabulary);
}

/// Keeps the gradient of the network's first weights at every step.
class Gradients : public Callback {
 public:
  void before_step(Learner& learner, const Progress&) override {
    all.push_back(learner.classifier().parameters().front().grad().clone());
  }
  std::vector<torch::Tensor> all;
};

TEST_F(LearnerTest, StepsAlongTheMeanGradientOfSeveralBatches) {
  const auto gradients_of = [this](std::int64_t accumulate) {
    LearnerOptions options = kFp32;
    options.accumulate = accumulate;
    Learner learner = this->learner(4, 1, options);
    const auto gradients = std::make_shared<Gradients>();
    learner.add_callback(gradients);
    learner.fit(1, 1e-30);  // the weights stay, so that gradients compare
    return gradients->all;
  };
  const std::vector<torch::Tensor> each = gradients_of(1);
  const std::vector<torch::Tensor> pairs = gradients_of(2);
  ASSERT_EQ(each.size(), 10U);
  ASSERT_EQ(pairs.size(), 5U);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_TRUE(pairs[i].allclose((each[2 * i] + each[2 * i + 1]) / 2, 1e-5, 1e-7)) << i;
  }
}

TEST_F(LearnerTest, MakesTheLastStepOfAnEpochFromTheBatchesThatAreLeft) {
  LearnerOptions options = kFp32;
  options.accumulate = 4;
  Learner learner = this->learner(4, 1, options);  // 10 batches: 4, 4, 2
  learner.fit(1, 1e-3);
  EXPECT_EQ(learner.optimizer().state().at("head.8.weight.steps").item<std::int64_t>(), 3);
  EXPECT_FALSE(learner.has_pending_gradients());
}

TEST_F(LearnerTest, FitsTheScheduleToTheTimeThatItHas) {
  Learner learner = this->learner();
  const auto listener = std::make_shared<Listener>();
  learner.add_callback(listener);
  const HyperSchedule schedule = one_cycle({1e-3, 1e-3, 1e-3});
  learner.fit({.stage = "timed", .schedule = schedule, .seconds = 0.7});
  for (std::size_t i = 0; i < learner.steps().size(); ++i) {
    EXPECT_EQ(listener->lrs[i], schedule(listener->fractions[i]).lrs);
    if (i == 0) continue;
    const std::chrono::duration<double> passed = listener->times[i - 1] - listener->times[0];
    EXPECT_GE(listener->fractions[i], std::min(1.0, passed.count() / 0.7)) << "however slow the machine is";
  }
  EXPECT_EQ(learner.history().back().metrics.size(), 1U) << "the last epoch is validated as well";
}

TEST_F(LearnerTest, TrainsTheStagesOfARecipeWithImagesThatGrow) {
  Learner learner = this->learner();
  learner.run(parse_recipe("freeze 1 epoch on 8 pixels at 1e-3; freeze_to 1 2 epochs on 16 pixels at 1e-3 flat"));
  ASSERT_EQ(learner.history().size(), 3U);
  EXPECT_EQ(learner.history()[0].stage, "frozen");
  EXPECT_EQ(learner.history()[2].stage, "from group 1");
  EXPECT_EQ(learner.history()[2].steps_so_far, 15);
  EXPECT_EQ(learner.loaders().transforms().augment.size, 16);
  EXPECT_FALSE(learner.classifier().parameter_groups().front().parameters.front().tensor.requires_grad());
}

TEST_F(LearnerTest, RefusesARecipeBeforeItsFirstStep) {
  Learner learner = this->learner();
  EXPECT_THROW(learner.run(parse_recipe("1 epoch at 1e-3; freeze_to 9 1 epoch at 1e-3")), std::invalid_argument);
  EXPECT_TRUE(learner.steps().empty());
}

TEST_F(LearnerTest, GivesStagesOfOneNameNumbersAndTheDatasOwnSizeBack) {
  Learner learner = this->learner();
  learner.run(parse_recipe("1 epoch on 8 pixels at 1e-3; 1 epoch at 1e-3"));
  EXPECT_EQ(learner.history()[1].stage, "one_cycle 2");
  EXPECT_NE(learner.loaders().transforms().augment.size, 8);
}

/// Makes a gradient infinite before the third step.
class PoisonGradient : public Callback {
 public:
  void after_loss(Learner& learner, const Progress& at) override {
    if (at.step != 2) return;
    for (const torch::Tensor& parameter : learner.classifier().parameters()) {
      parameter.mutable_grad() = torch::full_like(parameter, std::nan(""));
      break;
    }
  }
};

TEST_F(LearnerTest, StopsBeforeAStepAlongGradientsThatAreNoNumbers) {
  Learner learner = this->learner(4);
  learner.add_callback(std::make_shared<PoisonGradient>());
  const std::string message = thrown_message<DivergedError>([&] { learner.fit(1, 1e-3); });
  EXPECT_NE(message.find("the gradients are not finite in step 3 of epoch 1"), std::string::npos) << message;
  for (const torch::Tensor& value : values(learner)) EXPECT_TRUE(value.isfinite().all().item<bool>());
}

TEST_F(LearnerTest, SharesItsTimeAmongStagesByTheirEpochs) {
  Learner learner = this->learner();
  learner.run(parse_recipe("freeze 1 epoch at 1e-3; unfreeze 3 epochs at 1e-3"), 0.8);
  double frozen = 0;
  double unfrozen = 0;
  for (const EpochRecord& record : learner.history()) (record.stage == "frozen" ? frozen : unfrozen) += record.seconds;
  EXPECT_GT(unfrozen, frozen);
}

TEST_F(LearnerTest, LeavesOutStepsWhoseScaledGradientsAreNotFinite) {
  Learner learner = this->learner();
  learner.set_grad_scaler(GradScaler({.init_scale = 0x1p126}));
  learner.fit(2, 1e-3);
  EXPECT_LT(learner.grad_scaler()->current_scale(), 0x1p126);
  const auto steps = learner.optimizer().state().at("head.8.weight.steps").item<std::int64_t>();
  EXPECT_GT(steps, 0);
  EXPECT_LT(steps, 10);
}

TEST_F(LearnerTest, TrainsAlikeWithAndWithoutScalingTheLoss) {
  Learner plain = learner();
  plain.fit(1, 1e-3);
  Learner scaled = learner();
  scaled.set_grad_scaler(GradScaler({.init_scale = 1024}));  // a power of 2 changes no digit
  scaled.fit(1, 1e-3);
  EXPECT_TRUE(are_equal(values(plain), values(scaled)));
}

TEST_F(LearnerTest, NamesTheLayerWhereTheNetworkWentWrong) {
  Learner learner = this->learner(4);
  learner.add_callback(std::make_shared<Poison>());
  const std::string message = thrown_message<DivergedError>([&] { learner.fit(1, 1e-3); });
  EXPECT_NE(message.find("first in head.8."), std::string::npos) << message;
}

TEST_F(LearnerTest, SharesOfAnEpochSumToNearlyAllOfIt) {
  Learner learner = this->learner();
  learner.fit(1, 1e-3);
  const EpochRecord& record = learner.history().back();
  const double sum =
      record.wait_share + record.forward_share + record.backward_share + record.update_share + record.callback_share;
  EXPECT_GT(sum, 0.7);
  EXPECT_LT(sum, 1.01);
}

TEST_F(LearnerTest, RefusesAnEpochOfWhichNoBatchCanTrain) {
  Learner learner = this->learner(40);
  for (int i = 1; i < 20; ++i) break_image("train/flat/" + std::to_string(i) + ".png");
  for (int i = 0; i < 20; ++i) break_image("train/upright/" + std::to_string(i) + ".png");
  EXPECT_NE(thrown_message<core::DataError>([&] { learner.fit(1, 1e-3); }).find("no batch has two images"),
            std::string::npos);
  EXPECT_TRUE(learner.steps().empty());
}

TEST_F(LearnerTest, RefusesWhatCannotWork) {
  Learner learner = this->learner();
  EXPECT_THROW(learner.fit(0), std::invalid_argument);
  EXPECT_THROW(model::find_device("gpu"), std::invalid_argument);
  EXPECT_THROW(this->learner(8, 1, {.optimizer = {.wd = 7}}), std::invalid_argument);
  auto classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 5});
  EXPECT_THROW(Learner(testing_support::tiny_block(folder_.path()).loaders(), classifier), std::invalid_argument);
  const testing_support::TemporaryFolder small;
  testing_support::write_tiny_images(small.path(), 1, 1);
  std::filesystem::remove_all(small / "train/flat");
  EXPECT_THROW(vision_learner(testing_support::tiny_block(small.path()).loaders(), "resnet20"), std::invalid_argument);
}

TEST_F(LearnerTest, RefusesBatchesThatABatchNormCannotTrainOn) { EXPECT_THROW(learner(1), std::invalid_argument); }

TEST_F(LearnerTest, AveragesItsPredictionsForDrawsOfTheImages) {
  Learner trained = learner();
  const predict::Predictions plain = trained.get_preds();
  const predict::Predictions averaged = trained.tta({.n = 2});
  EXPECT_EQ(averaged.ids, plain.ids);
  EXPECT_FALSE(averaged.logits.allclose(plain.logits.log_softmax(1)));
  EXPECT_TRUE(trained.tta({.n = 1, .beta = 1}).logits.allclose(plain.logits.log_softmax(1), 1e-4, 1e-5));
}

}  // namespace
}  // namespace margay::train
