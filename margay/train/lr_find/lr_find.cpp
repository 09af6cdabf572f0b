#include "margay/train/lr_find/lr_find.h"

#include <memory>
#include <stdexcept>

#include "margay/model/state_guard.h"
#include "margay/train/batch_loss.h"
#include "margay/train/callback/callback.h"
#include "margay/train/checkpoint/snapshot.h"
#include "margay/train/learner.h"

namespace margay::train {
namespace {

/// fastai's optimizers have this momentum until a schedule says another.
constexpr double kMomentum = 0.9;

/// Ends the sweep; never leaves lr_find.
struct SweepIsOver {};

class SweepCallback : public Callback {
 public:
  SweepCallback(LrSweep& sweep, const LrFindListener& on_step) : sweep_(sweep), on_step_(on_step) {}

  void after_batch(Learner& learner, const Progress& at) override {
    const bool is_over = sweep_.add(step_, learner.steps().back().loss);
    if (on_step_) on_step_(step_, at.lrs.back(), at.smooth_loss);
    ++step_;
    if (is_over) throw SweepIsOver();
  }
  std::int64_t step() const { return step_; }

 private:
  LrSweep& sweep_;
  const LrFindListener& on_step_;
  std::int64_t step_ = 0;
};

/// Puts a learner back as it was.
class Restorer {
 public:
  explicit Restorer(Learner& learner)
      : learner_(learner), mode_(learner.classifier()), was_resuming_(learner.is_resuming()) {
    learner.drop_gradients();  // of a fit that an exception ended
    callbacks_ = learner.exchange_callbacks({});
    before_ = copied(take_snapshot(learner));
  }
  void restore() {
    train::restore(learner_, before_, "lr_find");
    if (!was_resuming_) learner_.begin_anew();
    learner_.exchange_callbacks(std::move(callbacks_));
  }

 private:
  Learner& learner_;
  model::ModeGuard mode_;
  bool was_resuming_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  Snapshot before_;
};

void sweep_rates(Learner& learner, LrSweep& sweep, const LrFindListener& on_step) {
  const auto callback = std::make_shared<SweepCallback>(sweep, on_step);
  learner.exchange_callbacks({callback});
  learner.set_lr_factor(1);
  const auto schedule = [&](double) {
    return Hyper{std::vector<double>(learner.num_groups(), sweep.lr_at(callback->step())), kMomentum};
  };
  try {
    learner.train_only(schedule);
  } catch (const SweepIsOver&) {
  } catch (const DivergedError&) {  // the loss at so high a rate; the curve ends before it
  }
}

}  // namespace

LrFindResult lr_find(Learner& learner, const LrSweepOptions& options, const LrFindListener& on_step) {
  if (learner.is_fitting())
    throw std::invalid_argument("[lr_find] cannot be called from a callback: a fit is under way");
  LrSweep sweep(options);
  Restorer restorer(learner);
  try {
    sweep_rates(learner, sweep, on_step);
  } catch (...) {
    restorer.restore();
    throw;
  }
  restorer.restore();
  return {sweep.curve(), lr_suggestions(sweep.curve(), options.num_it)};
}

}  // namespace margay::train
