#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "margay/train/callback/tuning_guard.h"
#include "margay/train/checkpoint/checkpoint.h"
#include "margay/train/learner.h"
#include "margay/train/probe/probe.h"
#include "margay/train/recipe/recipe_text.h"
#include "tests/support/thrown_message.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::are_equal;
using testing_support::tiny_block;
using testing_support::weights_of;

class LearnerProbeTest : public testing_support::TinyLearnerTest {
 protected:
  Learner linear_learner(model::HeadKind kind = model::HeadKind::kLinear) const {
    const model::HeadOptions head =
        kind == model::HeadKind::kLinear ? model::HeadOptions{.kind = kind, .dropout = {0}} : model::HeadOptions{};
    return vision_learner(tiny_block(folder_.path()).loaders({.batch_size = 4, .num_workers = 1, .seed = 1}),
                          "resnet20", {.seed = 1, .head = head, .learner = {.precision = model::Precision::kFp32}});
  }
};

model::TensorMap norm_statistics_of(Learner& learner) {
  model::TensorMap statistics;
  for (const auto& [name, tensor] : weights_of(learner)) {
    if (name.find("running_") != std::string::npos) statistics[name] = tensor;
  }
  return statistics;
}

/// What a learner hears of its probe.
class ProbeListener : public Callback {
 public:
  void during_probe(Learner& /*learner*/, std::int64_t images, std::int64_t total) override {
    images_ = images;
    total_ = total;
  }
  void after_probe(Learner& learner, const Probe& probe) override {
    error_ = probe.result.score.error.mean;
    from_cache_ = probe.train.from_cache;
    weights_ = weights_of(learner);
  }
  std::int64_t images_ = 0;
  std::int64_t total_ = 0;
  double error_ = -1;
  std::int64_t from_cache_ = 0;
  model::TensorMap weights_;
};

TEST_F(LearnerProbeTest, BeginsTheHistoryAndSolvesTheHead) {
  Learner learner = linear_learner();
  const model::TensorMap before = weights_of(learner);
  const auto listener = std::make_shared<ProbeListener>();
  learner.add_callback(listener);
  learner.run(probe_recipe(1));
  ASSERT_EQ(learner.history().size(), 2U);
  EXPECT_EQ(learner.history()[0].stage, "probe");
  EXPECT_EQ(learner.history()[0].steps_so_far, 0);
  EXPECT_EQ(learner.history()[1].stage, "unfrozen");
  EXPECT_EQ(listener->images_, 12);
  EXPECT_EQ(listener->total_, 12);
  EXPECT_GE(listener->error_, 0);
  for (const auto& [name, tensor] : before) {
    EXPECT_EQ(listener->weights_.at(name).equal(tensor), !name.starts_with("head.")) << name;
  }
}

TEST_F(LearnerProbeTest, KeepsTheStatisticsOfBatchNormsAndTrainsTheirWeights) {
  Learner learner = linear_learner();
  const model::TensorMap before = weights_of(learner);
  const model::TensorMap statistics = norm_statistics_of(learner);
  learner.run(parse_recipe("probe; unfreeze 1 epoch at 1e-2"));
  EXPECT_FALSE(statistics.empty());
  EXPECT_TRUE(are_equal(norm_statistics_of(learner), statistics));
  EXPECT_FALSE(are_equal(weights_of(learner), before));
  learner.fit(1, 1e-3);
  EXPECT_FALSE(are_equal(norm_statistics_of(learner), statistics)) << "a fit that no probe begins";
}

TEST_F(LearnerProbeTest, RecordsWhatAnEvaluationOfItWouldSay) {
  Learner learner = linear_learner();
  double evaluated = 0;
  class Evaluate : public Callback {
   public:
    explicit Evaluate(double& loss) : loss_(loss) {}
    void after_probe(Learner& learner, const Probe& /*probe*/) override { loss_ = learner.evaluate().valid_loss; }

   private:
    double& loss_;
  };
  learner.add_callback(std::make_shared<Evaluate>(evaluated));
  learner.run(probe_recipe(1));
  EXPECT_NEAR(learner.history()[0].valid_loss, evaluated, 1e-4);
}

TEST_F(LearnerProbeTest, TrainsTheSameOnFeaturesOfItsCache) {
  const auto trained = [&](std::int64_t from_cache) {
    Learner learner = linear_learner();
    learner.set_feature_cache(folder_ / "features");
    const auto listener = std::make_shared<ProbeListener>();
    learner.add_callback(listener);
    learner.run(probe_recipe(1));
    EXPECT_EQ(listener->from_cache_, from_cache);
    EXPECT_EQ(listener->images_, 12);
    return weights_of(learner);
  };
  const model::TensorMap first = trained(0);
  EXPECT_TRUE(are_equal(trained(8), first));
}

TEST_F(LearnerProbeTest, NeedsALinearHead) {
  Learner learner = linear_learner(model::HeadKind::kFastai);
  const std::string message =
      testing_support::thrown_message<std::invalid_argument>([&] { learner.check(probe_recipe(1)); });
  EXPECT_NE(message.find("this head is fastai; set `head.kind` linear"), std::string::npos) << message;
}

/// Ends the run after so many epochs, the probe being one.
class EndAfterRecords : public Callback {
 public:
  explicit EndAfterRecords(std::size_t records) : records_(records) {}
  void after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& /*record*/) override {
    if (learner.history().size() == records_) throw core::Interrupted("enough");
  }

 private:
  std::size_t records_;
};

TEST_F(LearnerProbeTest, GoesOnFromACheckpointToTheSameBits) {
  const Stages recipe = parse_recipe("probe; unfreeze 2 epochs at 1e-3");
  Learner whole = linear_learner();
  whole.add_callback(std::make_shared<TuningGuard>());
  whole.run(recipe);
  for (const std::size_t records : {1U, 2U}) {
    Learner first = linear_learner();
    first.add_callback(std::make_shared<TuningGuard>());
    first.add_callback(std::make_shared<EndAfterRecords>(records));
    EXPECT_THROW(first.run(recipe), core::Interrupted);
    const auto file = folder_.path() / "run.ckpt";
    save_checkpoint(file, first);
    Learner second = linear_learner();
    const auto guard = std::make_shared<TuningGuard>();
    second.add_callback(guard);
    load_checkpoint(file, second);
    second.run(recipe);
    EXPECT_TRUE(guard->is_watching());
    EXPECT_EQ(second.history().size(), 3U);
    EXPECT_TRUE(are_equal(weights_of(second), weights_of(whole))) << records;
  }
}

}  // namespace
}  // namespace margay::train
