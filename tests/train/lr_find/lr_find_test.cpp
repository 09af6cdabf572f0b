#include "margay/train/lr_find/lr_find.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/train/checkpoint/checkpoint.h"
#include "margay/train/vision_learner.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

class LrFind : public testing::Test {
 protected:
  LrFind() { testing_support::write_tiny_images(folder_.path(), 20, 6); }
  Learner learner() const {
    data::Loaders loaders =
        testing_support::tiny_block(folder_.path()).loaders({.batch_size = 8, .num_workers = 2, .seed = 1});
    return vision_learner(std::move(loaders), "resnet20",
                          {.seed = 1, .learner = {.precision = model::Precision::kFp32}});
  }
  testing_support::TemporaryFolder folder_;
};

void expect_same(const Snapshot& a, const Snapshot& b) {
  EXPECT_EQ(a.values, b.values);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(b.tensors.at(name).equal(tensor)) << name;
}

class Count : public Callback {
 public:
  void before_batch(Learner&, const Progress&) override { ++batches; }
  int batches = 0;
};

TEST_F(LrFind, PutsEverythingBackBitForBit) {
  Learner fresh = learner();
  Learner trained = learner();
  trained.fit(1, 1e-3);
  for (Learner* each : {&fresh, &trained}) {
    const Snapshot before = copied(take_snapshot(*each));
    const LrFindResult found = lr_find(*each, {.num_it = 12});  // more than two epochs of 5
    EXPECT_GE(found.curve.lrs.size(), 5U);
    expect_same(before, take_snapshot(*each));
  }
}

TEST_F(LrFind, PutsEverythingBackWhenItIsStopped) {
  Learner learner = this->learner();
  const Snapshot before = copied(take_snapshot(learner));
  const auto stop = [](std::int64_t step, double, double) {
    if (step == 3) throw core::Interrupted("stop");
  };
  EXPECT_THROW(lr_find(learner, {}, stop), core::Interrupted);
  expect_same(before, take_snapshot(learner));
}

TEST_F(LrFind, TrainsOnAsIfItHadNotBeen) {
  Learner with = learner();
  lr_find(with, {.num_it = 8});
  with.fit_one_cycle(2, 1e-3);
  Learner without = learner();
  without.fit_one_cycle(2, 1e-3);
  const Snapshot a = take_snapshot(with);
  const Snapshot b = take_snapshot(without);
  for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(b.tensors.at(name).equal(tensor)) << name;
}

TEST_F(LrFind, LeavesNoGradientsOfAnUnfinishedStep) {
  const auto trained = [this](bool with_search) {
    data::Loaders loaders =
        testing_support::tiny_block(folder_.path()).loaders({.batch_size = 8, .num_workers = 2, .seed = 1});
    Learner learner = vision_learner(std::move(loaders), "resnet20",
                                     {.seed = 1, .learner = {.precision = model::Precision::kFp32, .accumulate = 3}});
    if (with_search) lr_find(learner, {.num_it = 7});
    learner.fit(1, 1e-3);
    return copied(take_snapshot(learner));
  };
  const Snapshot a = trained(true);
  const Snapshot b = trained(false);
  for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(b.tensors.at(name).equal(tensor)) << name;
}

TEST_F(LrFind, SweepsTheRatesThatItSaysWhateverAPlateauHasDone) {
  Learner plain = learner();
  Learner slowed = learner();
  slowed.set_lr_factor(0.01);
  EXPECT_EQ(lr_find(plain, {.num_it = 8}).curve.losses, lr_find(slowed, {.num_it = 8}).curve.losses);
  EXPECT_EQ(slowed.lr_factor(), 0.01);
}

TEST_F(LrFind, IsSilentForTheLearnersCallbacks) {
  Learner learner = this->learner();
  const auto count = std::make_shared<Count>();
  learner.add_callback(count);
  lr_find(learner, {.num_it = 8});
  EXPECT_EQ(count->batches, 0);
  learner.fit(1, 1e-3);
  EXPECT_EQ(count->batches, 5);
}

TEST_F(LrFind, EndsWhenTheLossExplodes) {
  Learner learner = this->learner();
  const LrFindResult found = lr_find(learner, {.start_lr = 1, .end_lr = 1000, .num_it = 200});
  EXPECT_LT(found.curve.lrs.size(), 200U);
}

}  // namespace
}  // namespace margay::train
