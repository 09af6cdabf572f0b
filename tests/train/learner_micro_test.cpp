#include <chrono>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/collective/process_group.h"
#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/train/callback/callback.h"
#include "margay/train/checkpoint/checkpoint_folder.h"
#include "margay/train/learner.h"
#include "margay/train/lr_find/lr_find.h"
#include "margay/train/task_loss.h"
#include "margay/train/vision_learner.h"
#include "tests/support/joined_threads.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

using testing_support::outcomes_of_joined;
using testing_support::run_joined;
using Group = std::shared_ptr<collective::Group>;

/// Learners of several processes, which are threads here.
class JoinedLearners : public testing::Test {
 protected:
  JoinedLearners() { testing_support::write_tiny_images(folder_ / "images", 9, 3); }

  void SetUp() override {
    if (!collective::has_backend(collective::Backend::kGloo)) GTEST_SKIP() << "this LibTorch has no Gloo";
  }

  /// Of 18 images in 2 batches of 8, with dropout. Its weights are drawn from a generator that all threads share.
  Learner learner(const Group& group, MicroBatchOptions micro_batch = {.micro_batches = 4}, std::int64_t accumulate = 1,
                  data::LoaderOptions loader = {.batch_size = 8, .num_workers = 1, .seed = 1}) {
    const std::lock_guard lock(making_);
    Learner learner = vision_learner(
        testing_support::tiny_block(folder_ / "images").loaders(loader), "resnet20",
        {.seed = 1,
         .head = {.dropout = {dropout_}},
         .learner = {.precision = model::Precision::kFp32, .accumulate = accumulate, .micro_batch = micro_batch}});
    learner.set_group(group);
    return learner;
  }

  /// The weights of all processes after training, which must be the same, and their history.
  struct Trained {
    model::TensorMap weights;
    std::vector<StepRecord> steps;
    std::vector<EpochRecord> history;
  };
  Trained trained(int world, const std::function<Learner(const Group&)>& make, std::int64_t epochs = 2) {
    std::vector<Trained> all(static_cast<std::size_t>(world));
    run_joined(world, [&](const Group& group) {
      Learner learner = make(group);
      learner.fit(epochs, 1e-2);
      Trained& mine = all[static_cast<std::size_t>(group->rank())];
      for (const auto& [name, tensor] : learner.classifier().state()) mine.weights[name] = tensor.detach().clone();
      mine.steps = learner.steps();
      mine.history = learner.history();
    });
    for (const Trained& other : all) expect_same(other, all.front());
    return all.front();
  }

  static void expect_same(const Trained& a, const Trained& b) {
    ASSERT_EQ(a.weights.size(), b.weights.size());
    for (const auto& [name, tensor] : a.weights) EXPECT_TRUE(tensor.equal(b.weights.at(name))) << name;
    ASSERT_EQ(a.steps.size(), b.steps.size());
    for (std::size_t i = 0; i < a.steps.size(); ++i) EXPECT_EQ(a.steps[i].loss, b.steps[i].loss) << i;
    ASSERT_EQ(a.history.size(), b.history.size());
    for (std::size_t i = 0; i < a.history.size(); ++i) {
      EXPECT_EQ(a.history[i].valid_loss, b.history[i].valid_loss) << i;
      EXPECT_EQ(a.history[i].metrics, b.history[i].metrics) << i;
    }
  }

  std::mutex making_;
  double dropout_ = 0.5;
  testing_support::TemporaryFolder folder_;
};

TEST_F(JoinedLearners, GetTheSameBitsForAnyNumberOfProcesses) {
  const auto make = [&](const Group& group) { return learner(group); };
  const Trained alone = trained(1, make);
  expect_same(trained(2, make), alone);
  expect_same(trained(4, make), alone);
}

TEST_F(JoinedLearners, GetThemWithMixedImagesOfAccumulatedAndSmallerBatches) {
  // 18 images: batches of 12 and of 6, whose micro-batches are of 2, 2, 1 and 1; those of one image cannot train.
  const auto make = [&](const Group& group) {
    return learner(
        group, {.micro_batches = 4}, 2,
        {.batch_size = 12, .num_workers = 1, .seed = 1, .drop_last = false, .mix = {.method = data::MixMethod::kBoth}});
  };
  const Trained alone = trained(1, make);
  expect_same(trained(2, make), alone);
  expect_same(trained(4, make), alone);
}

TEST_F(JoinedLearners, GetThemWhereAProcessHasNothingOfTheLastBatch) {
  // 18 images: batches of 8, 8 and 2, one image for each of two micro-batches and none for the others.
  const auto make = [&](const Group& group) {
    return learner(group, {.micro_batches = 4}, 1, {.batch_size = 8, .num_workers = 1, .seed = 1, .drop_last = false});
  };
  const Trained alone = trained(1, make, 1);
  EXPECT_EQ(alone.steps.size(), 2U);
  expect_same(trained(4, make, 1), alone);
}

TEST_F(JoinedLearners, GetThemWhereImagesCannotBeRead) {
  std::ofstream(folder_ / "images/train/flat/3.png") << "no image";
  std::ofstream(folder_ / "images/valid/upright/1.png") << "no image";
  const auto make = [&](const Group& group) { return learner(group); };
  expect_same(trained(2, make), trained(1, make));
}

TEST_F(JoinedLearners, GetThemWhereSeveralAreComputedAtOnce) {
  std::vector<Trained> of_threads;
  for (const int threads : {1, 3}) {  // one after another; three at once, then the fourth
    core::set_default_threads(threads);
    of_threads.push_back(trained(1, [&](const Group& group) { return learner(group); }));
    core::set_default_threads(std::nullopt);
  }
  expect_same(of_threads[1], of_threads[0]);
}

TEST_F(JoinedLearners, GoOnWithAnotherNumberOfProcesses) {
  const auto make = [&](const Group& group) { return learner(group); };
  const Trained whole = trained(1, make);
  const CheckpointFolder checkpoints(folder_ / "checkpoints");
  class StopInTheMiddle : public Callback {
   public:
    void after_batch(Learner& learner, const Progress& at) override {
      if (at.is_training && learner.steps().size() == 3) throw core::Interrupted("enough");
    }
  };
  outcomes_of_joined(4, [&](const Group& group) {
    Learner learner = make(group);
    learner.add_callback(std::make_shared<StopInTheMiddle>());
    EXPECT_THROW(learner.fit(2, 1e-2), core::Interrupted);
    if (group->rank() == 3) checkpoints.save(learner);  // any process can
  });
  const auto resume = [&](const Group& group) {
    Learner learner = make(group);
    std::vector<std::string> problems;
    EXPECT_TRUE(checkpoints.resume(learner, problems));
    return learner;
  };
  expect_same(trained(2, resume), whole);
}

TEST_F(JoinedLearners, GetThemByTheRingWhereTwoNumbersHaveOneOrder) {
  const auto by = [&](Reduce reduce) {
    return trained(2, [&, reduce](const Group& group) {
      return learner(group, {.micro_batches = 2, .micro_batch_threads = 1, .reduce = reduce});
    });
  };
  expect_same(by(Reduce::kFast), by(Reduce::kExact));
}

TEST_F(JoinedLearners, AgreeByTheRingWhereMoreNumbersHaveMoreOrders) {
  const auto make = [&](const Group& group) {
    return learner(group, {.micro_batches = 4, .micro_batch_threads = 1, .reduce = Reduce::kFast});
  };
  const Trained ring = trained(4, make, 1);  // expects that all processes have the same weights
  const Trained tree = trained(
      4, [&](const Group& group) { return learner(group); }, 1);
  EXPECT_EQ(ring.steps[0].loss, tree.steps[0].loss);
}

TEST_F(JoinedLearners, SeeAllImagesInSynchronisedBatchNorms) {
  dropout_ = 0;  // whose draws are those of a process
  const Trained whole = trained(1, [&](const Group& group) { return learner(group, {}); });
  const Trained synced = trained(2, [&](const Group& group) { return learner(group, {.sync_batch_norm = true}); });
  const Trained apart = trained(2, [&](const Group& group) { return learner(group, {}); });
  ASSERT_EQ(synced.steps.size(), whole.steps.size());
  EXPECT_NEAR(synced.steps[0].loss, whole.steps[0].loss, 1e-5);
  EXPECT_NEAR(synced.steps[1].loss, whole.steps[1].loss,
              2e-2);  // Adam makes of the last digits of small gradients steps
  EXPECT_GT(std::abs(apart.steps[0].loss - whole.steps[0].loss), 1e-4);
}

TEST_F(JoinedLearners, StopTogetherWhenOneWantsToStop) {
  const auto outcomes = outcomes_of_joined(2, [&](const Group& group) {
    Learner learner = this->learner(group);
    // It says so with its losses of the second step, when one step is done.
    learner.add_callback(std::make_shared<StopWhen>([&] { return group->rank() == 1 && learner.steps().size() == 1; }));
    EXPECT_THROW(learner.fit(2, 1e-3), core::Interrupted);
    EXPECT_EQ(learner.steps().size(), 2U);
  });
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome, nullptr);
}

TEST_F(JoinedLearners, WriteACheckpointWhenOneWantsIt) {
  run_joined(2, [&](const Group& group) {
    Learner learner = this->learner(group);
    const auto every = std::chrono::seconds(group->rank() == 1 ? 0 : 1000);
    const CheckpointFolder checkpoints(folder_ / fmt::format("of-{}", group->rank()));
    learner.add_callback(std::make_shared<SaveCheckpoints>(checkpoints, every, SaveCheckpoints::Failure()));
    learner.fit(1, 1e-3);
    EXPECT_EQ(checkpoints.files().empty(), group->rank() == 1) << "that of rank 0 alone writes";
  });
}

/// Counts the small messages that go through it.
class CountedGroup : public collective::Group {
 public:
  explicit CountedGroup(std::shared_ptr<collective::Group> inner) : inner_(std::move(inner)) {}
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  void sum(std::span<double> values) override { counted().sum(values); }
  void maximum(std::span<double> values) override { counted().maximum(values); }
  void broadcast(std::span<std::byte> bytes, int root) override { counted().broadcast(bytes, root); }
  std::vector<std::string> gather(const std::string& mine) override { return counted().gather(mine); }
  void barrier() override { counted().barrier(); }
  std::unique_ptr<collective::Pending> start_sum(const at::Tensor& flat) override { return inner_->start_sum(flat); }
  std::unique_ptr<collective::Pending> start_exchange(const at::Tensor& sent, const at::Tensor& received,
                                                      const collective::Shares& shares) override {
    return inner_->start_exchange(sent, received, shares);
  }
  std::unique_ptr<collective::Pending> start_all_gather(const at::Tensor& mine, const at::Tensor& all) override {
    return inner_->start_all_gather(mine, all);
  }
  void set_position(std::string position) override { inner_->set_position(std::move(position)); }
  collective::Activity activity() const override { return inner_->activity(); }
  void interrupt(const std::string& reason) override { inner_->interrupt(reason); }

  int messages = 0;

 private:
  collective::Group& counted() {
    ++messages;
    return *inner_;
  }

  std::shared_ptr<collective::Group> inner_;
};

TEST_F(JoinedLearners, TellEachOtherTwoSmallThingsInAStep) {
  run_joined(2, [&](const Group& group) {
    const auto counted = std::make_shared<CountedGroup>(group);
    Learner learner = this->learner(counted);
    class NoteMessages : public Callback {
     public:
      explicit NoteMessages(CountedGroup& group) : group_(group) {}
      void after_batch(Learner& /*learner*/, const Progress& at) override {
        if (at.is_training) at_step.push_back(group_.messages);
      }
      std::vector<int> at_step;

     private:
      CountedGroup& group_;
    };
    const auto notes = std::make_shared<NoteMessages>(*counted);
    learner.add_callback(std::make_shared<StopWhen>([] { return false; }));
    learner.add_callback(std::make_shared<SaveCheckpoints>(CheckpointFolder(folder_ / "checkpoints"),
                                                           std::chrono::seconds(1000), SaveCheckpoints::Failure()));
    learner.add_callback(notes);
    learner.fit(1, 1e-3);
    ASSERT_EQ(notes->at_step.size(), 2U);
    EXPECT_EQ(notes->at_step[1] - notes->at_step[0], 2) << "whether the fit is over; losses, stop and checkpoint";
  });
}

TEST_F(JoinedLearners, FindTheLearningRatesOfOneProcess) {
  const auto sweep = [&](int world) {
    std::vector<LrCurve> curves(static_cast<std::size_t>(world));
    run_joined(world, [&](const Group& group) {
      Learner learner = this->learner(group);
      curves[static_cast<std::size_t>(group->rank())] = lr_find(learner, {.num_it = 8}).curve;
    });
    for (const LrCurve& curve : curves) EXPECT_EQ(curve.losses, curves.front().losses);
    return curves.front();
  };
  const LrCurve alone = sweep(1);
  EXPECT_EQ(alone.losses.size(), 8U);
  EXPECT_EQ(sweep(2).losses, alone.losses);
}

TEST_F(JoinedLearners, SayWhichOptionOfASweepDiffers) {
  run_joined(2, [&](const Group& group) {
    Learner learner = this->learner(group);
    const std::string message = testing_support::thrown_message<std::invalid_argument>(
        [&] { lr_find(learner, {.num_it = group->rank() == 0 ? 8 : 9}); });
    EXPECT_NE(message.find("`num_it` must be the same in all processes"), std::string::npos) << message;
  });
}

TEST_F(JoinedLearners, DivergeTogetherWhenOneLossIsNotFinite) {
  run_joined(2, [&](const Group& group) {
    Learner learner = this->learner(group);
    const TrainingLoss usual = training_loss(learner.loss());
    learner.set_training_loss([&, usual](const torch::Tensor& logits, const data::Batch& batch) {
      torch::Tensor loss = usual(logits, batch);
      const bool is_bad = group->rank() == 1 && learner.steps().size() == 1;
      return is_bad ? loss * std::numeric_limits<double>::quiet_NaN() : loss;
    });
    const std::string message = testing_support::thrown_message<DivergedError>([&] { learner.fit(1, 1e-3); });
    const std::string expected = group->rank() == 0 ? "the loss of another process is not finite in step 2 of epoch 1"
                                                    : "the loss is not a number in step 2 of epoch 1";
    EXPECT_EQ(message.substr(0, expected.size()), expected);
    EXPECT_EQ(learner.steps().size(), 1U);
  });
}

TEST_F(JoinedLearners, SayWhatDiffersBeforeTheFirstStep) {
  run_joined(2, [&](const Group& group) {
    Learner learner = this->learner(group, {.micro_batches = 4}, 1,
                                    {.batch_size = 8, .num_workers = 1, .seed = group->rank() == 0 ? 1U : 2U});
    const std::string message = testing_support::thrown_message<std::invalid_argument>([&] { learner.fit(1, 1e-3); });
    EXPECT_NE(message.find("seed must be the same in all processes"), std::string::npos) << message;
    EXPECT_TRUE(learner.steps().empty());
  });
}

TEST_F(JoinedLearners, SayWhichCheckpointsAreOfOtherMicroBatches) {
  const Group alone = collective::one_process();
  const Learner four = learner(alone);
  const CheckpointFolder checkpoints(folder_ / "checkpoints");
  Learner saved = learner(alone);
  checkpoints.save(saved);
  Learner two = learner(alone, {.micro_batches = 2});
  std::vector<std::string> problems;
  const std::string message =
      testing_support::thrown_message<core::FormatError>([&] { checkpoints.resume(two, problems); });
  EXPECT_NE(message.find("its micro_batches is 4, here it is 2"), std::string::npos) << message;
}

TEST_F(JoinedLearners, RefuseWhatCannotBeDivided) {
  Learner learner = this->learner(collective::one_process());
  EXPECT_THROW(learner.set_group(nullptr), std::invalid_argument);
  EXPECT_THROW(this->learner(collective::one_process(), {.micro_batches = 5}), std::invalid_argument)
      << "less than two images for each";
  run_joined(3, [&](const Group& group) {
    EXPECT_THROW(this->learner(group), std::invalid_argument) << "three processes, four micro-batches";
  });
}

}  // namespace
}  // namespace margay::train
