#include "margay/train/callback/tuning_guard.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/train/learner.h"
#include "margay/train/probe/probe.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::are_equal;
using testing_support::weights_of;

/// No loss of a network is this low.
constexpr double kUnreachable = -10;
constexpr double kHopeless = 100;

class TuningGuardTest : public testing_support::TinyLearnerTest {
 protected:
  /// A probe whose losses on the four validation images are about `loss`.
  static Probe probe_of(double loss) {
    Probe probe;
    probe.result.valid.emplace();
    probe.result.valid->predictions = {.logits = torch::zeros({4, 2}),
                                       .targets = torch::zeros({4}, torch::kInt64),
                                       .losses = torch::full({4}, loss, torch::kFloat) + torch::arange(4) * 0.1,
                                       .ids = {0, 1, 2, 3}};
    return probe;
  }
  std::shared_ptr<TuningGuard> guard(Learner& learner, double loss, std::int64_t checks = 1) {
    const auto guard = std::make_shared<TuningGuard>(TuningGuardOptions{.guard_checks = checks},
                                                     [this](const std::string& note) { notes_.push_back(note); });
    learner.add_callback(guard);
    guard->after_probe(learner, probe_of(loss));
    return guard;
  }
  std::vector<std::string> notes_;
};

TEST_F(TuningGuardTest, PutsTheProbeBackAndLowersTheRatesWhereTheLossRises) {
  Learner learner = this->learner();
  const model::TensorMap start = weights_of(learner);
  const auto guard = this->guard(learner, kUnreachable);
  learner.fit(1, 1e-3);
  EXPECT_EQ(guard->times_restored(), 1);
  EXPECT_TRUE(are_equal(weights_of(learner), start));
  EXPECT_TRUE(learner.optimizer().state().empty());
  EXPECT_EQ(learner.lr_factor(), 0.25);
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_NE(notes_[0].find("tuning goes on from the probe at a quarter of the rates"), std::string::npos);
}

TEST_F(TuningGuardTest, EndsTheTrainingTheThirdTime) {
  Learner learner = this->learner();
  const auto guard = this->guard(learner, kUnreachable);
  learner.fit(10, 1e-3);
  EXPECT_EQ(learner.history().size(), 3U);
  EXPECT_TRUE(guard->has_stopped());
  EXPECT_NE(notes_.back().find("the third time, so tuning ends"), std::string::npos);
  learner.fit(2, 1e-3);
  EXPECT_EQ(learner.history().size(), 3U) << "later stages do not train either";
}

TEST_F(TuningGuardTest, AlsoLooksWithinAnEpoch) {
  Learner learner = this->learner();
  const auto guard = this->guard(learner, kUnreachable, 2);
  learner.fit(1, 1e-3);
  EXPECT_EQ(guard->times_restored(), 2) << "after one of two steps, and at the end";
}

TEST_F(TuningGuardTest, LeavesATrainingAloneThatGains) {
  Learner watched = this->learner();
  const auto guard = this->guard(watched, kHopeless, 2);
  watched.fit(2, 1e-3);
  EXPECT_EQ(guard->times_restored(), 0);
  Learner alone = this->learner();
  alone.fit(2, 1e-3);
  EXPECT_TRUE(are_equal(weights_of(watched), weights_of(alone))) << "looking changes no bit";
}

TEST_F(TuningGuardTest, ComparesWithTheProbeAndPutsItBack) {
  Learner learner = this->learner();
  const model::TensorMap start = weights_of(learner);
  const auto guard = this->guard(learner, kHopeless);
  learner.fit(1, 1e-3);
  const auto comparison = guard->compare(learner);
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->verdict, TuningVerdict::kBetter);
  EXPECT_FALSE(are_equal(weights_of(learner), start));
  guard->restore_start(learner);
  EXPECT_TRUE(are_equal(weights_of(learner), start));
}

TEST_F(TuningGuardTest, DoesNothingWithoutValidationImages) {
  Learner learner = this->learner();
  const auto guard = std::make_shared<TuningGuard>();
  learner.add_callback(guard);
  guard->after_probe(learner, Probe{});
  EXPECT_FALSE(guard->is_watching());
  learner.fit(1, 1e-3);
  EXPECT_FALSE(guard->compare(learner));
}

TEST_F(TuningGuardTest, GoesOnFromItsState) {
  Learner learner = this->learner();
  const auto guard = this->guard(learner, kUnreachable);
  learner.fit(1, 1e-3);
  TuningGuard other;
  other.load_state(guard->state(), "some.ckpt");
  EXPECT_EQ(other.times_restored(), 1);
  EXPECT_EQ(other.compare(learner)->start_loss, guard->compare(learner)->start_loss);
  CallbackState broken = guard->state();
  broken.tensors.erase("losses");
  EXPECT_THROW(other.load_state(broken, "some.ckpt"), core::FormatError);
  EXPECT_EQ(other.times_restored(), 1);
}

}  // namespace
}  // namespace margay::train
