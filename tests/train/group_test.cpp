#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/train/callback/callback.h"
#include "margay/train/checkpoint/checkpoint_folder.h"
#include "margay/train/learner.h"
#include "margay/train/task_loss.h"
#include "margay/train/vision_learner.h"
#include "tests/support/group_of_two.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

/// A learner of a group whose other process is played by the test.
class LearnerOfTwo : public testing::Test {
 protected:
  LearnerOfTwo() { testing_support::write_tiny_images(folder_ / "images", 8, 2); }

  Learner learner(std::shared_ptr<collective::Group> group) const {
    Learner learner = vision_learner(
        testing_support::tiny_block(folder_ / "images").loaders({.batch_size = 4, .num_workers = 1, .seed = 1}),
        "resnet20", {.seed = 1, .learner = {.precision = model::Precision::kFp32}});
    learner.set_group(std::move(group));
    return learner;
  }

  testing_support::TemporaryFolder folder_;
  std::shared_ptr<testing_support::GroupOfTwo> group_ = std::make_shared<testing_support::GroupOfTwo>();
};

/// Sets `is_now` from the second step on.
class SecondStep : public Callback {
 public:
  explicit SecondStep(bool& is_now) : is_now_(is_now) {}
  void after_batch(Learner&, const Progress& at) override {
    if (at.is_training && at.step == 1) is_now_ = true;
  }

 private:
  bool& is_now_;
};

TEST_F(LearnerOfTwo, TrainsAsAloneWhileBothAgree) {
  Learner alone = learner(collective::one_process());
  alone.fit(2, 1e-3);
  Learner both = learner(group_);
  both.fit(2, 1e-3);
  EXPECT_GT(group_->decisions, 16);  // of each batch several
  ASSERT_EQ(both.steps().size(), alone.steps().size());
  for (std::size_t i = 0; i < alone.steps().size(); ++i) EXPECT_EQ(both.steps()[i].loss, alone.steps()[i].loss);
}

TEST_F(LearnerOfTwo, StopsWhenTheOtherWantsToStop) {
  Learner learner = this->learner(group_);
  bool is_now = false;
  learner.add_callback(std::make_shared<SecondStep>(is_now));
  learner.add_callback(std::make_shared<StopWhen>([] { return false; }));
  group_->other_says = [&](int) { return is_now; };
  EXPECT_THROW(learner.fit(2, 1e-3), core::Interrupted);
  EXPECT_EQ(learner.steps().size(), 2U);
}

TEST_F(LearnerOfTwo, EndsTheEpochWhenTheOthersTimeIsUp) {
  Learner learner = this->learner(group_);
  bool is_now = false;
  learner.add_callback(std::make_shared<SecondStep>(is_now));
  group_->other_says = [&](int) { return is_now; };
  learner.fit(3, 1e-3);
  EXPECT_EQ(learner.steps().size(), 2U);
  EXPECT_EQ(learner.history().size(), 1U);
}

TEST_F(LearnerOfTwo, DivergesWhenTheOthersLossIsNotFinite) {
  class Poisoned : public Callback {
   public:
    explicit Poisoned(bool& is_now) : is_now_(is_now) {}
    void before_batch(Learner&, const Progress& at) override { is_now_ = at.step == 1; }
    void after_loss(Learner&, const Progress&) override { is_now_ = false; }

   private:
    bool& is_now_;
  };
  Learner learner = this->learner(group_);
  bool is_now = false;
  learner.add_callback(std::make_shared<Poisoned>(is_now));
  group_->other_says = [&](int) { return is_now; };
  const std::string message = testing_support::thrown_message<DivergedError>([&] { learner.fit(1, 1e-3); });
  EXPECT_EQ(message, "the loss of another process is not finite in step 2 of epoch 1");
  EXPECT_EQ(learner.steps().size(), 1U);
}

TEST_F(LearnerOfTwo, SavesACheckpointWhenTheOtherDoes) {
  Learner learner = this->learner(group_);
  bool is_now = false;
  learner.add_callback(std::make_shared<SecondStep>(is_now));
  CheckpointFolder checkpoints(folder_ / "checkpoints", 10);
  learner.add_callback(std::make_shared<SaveCheckpoints>(checkpoints, std::chrono::hours(1), nullptr));
  learner.add_callback(std::make_shared<StopWhen>([&] { return is_now; }));
  group_->other_says = [&](int) { return is_now; };
  EXPECT_THROW(learner.fit(1, 1e-3), core::Interrupted);
  std::vector<std::string> problems;
  ASSERT_TRUE(checkpoints.newest(problems));
}

TEST_F(LearnerOfTwo, RefusesNoGroup) { EXPECT_THROW(learner(nullptr), std::invalid_argument); }

}  // namespace
}  // namespace margay::train
