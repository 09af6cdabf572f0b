#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/error.h"
#include "margay/train/callback/callback.h"
#include "margay/train/vision_learner.h"
#include "tests/support/tiny_images.h"

namespace margay::testing_support {

/// Images for epochs of 3 training steps, and learners of them.
class LogImages {
 public:
  LogImages() { write_tiny_images(folder_.path(), 6, 2); }

  train::Learner learner() const {
    return train::vision_learner(tiny_block(folder_.path()).loaders({.batch_size = 4, .num_workers = 1, .seed = 1}),
                                 "resnet20", {.seed = 1, .learner = {.precision = model::Precision::kFp32}});
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

/// What a checkpoint keeps of a callback: its state after every epoch.
class KeepState : public train::Callback {
 public:
  explicit KeepState(std::shared_ptr<train::Callback> of) : of_(std::move(of)) {}
  void after_epoch(train::Learner&, const train::Progress&, const train::EpochRecord&) override {
    state = of_->state();
  }

  train::CallbackState state;

 private:
  std::shared_ptr<train::Callback> of_;
};

/// Trains two epochs, is interrupted in the first step of the second, and trains that epoch again as a second process
/// would, with a log that `make` made anew and whose state was loaded.
inline void train_with_an_interruption(const LogImages& images,
                                       const std::function<std::shared_ptr<train::Callback>()>& make) {
  const auto log = make();
  const auto kept = std::make_shared<KeepState>(log);
  train::Learner first = images.learner();
  first.add_callback(log);
  first.add_callback(kept);
  first.fit(1, 1e-3);
  first.add_callback(std::make_shared<train::StopWhen>([] { return true; }));
  try {
    first.fit(1, 1e-3);
  } catch (const core::Interrupted&) {
  }
  const auto resumed = make();
  resumed->load_state(kept->state, "c.safetensors");
  train::Learner second = images.learner();
  second.fit(1, 1e-3);  // in place of loading the checkpoint: the same weights and moments
  second.add_callback(resumed);
  second.fit(1, 1e-3);
}

}  // namespace margay::testing_support
