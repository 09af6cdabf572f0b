#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json_fwd.hpp>

#include "margay/data/loader/batch.h"
#include "margay/data/loader/loader_pass.h"
#include "margay/predict/training_inputs.h"

namespace margay::train {

/// The position of the training loop, and the values that callbacks read.
struct Progress {
  std::string stage;         ///< the recipe's name for this fit: "frozen", "unfrozen", …
  std::int64_t epoch = 0;    ///< of this fit, from 0
  std::int64_t epochs = 0;   ///< of this fit; 0 if time decides
  std::int64_t step = 0;     ///< batch of this pass, from 0
  std::int64_t steps = 0;    ///< batches of this pass
  bool is_training = false;  ///< in the training pass
  double fraction = 0;       ///< of this fit, 0 … 1: the argument of schedules
  std::vector<double> lrs;   ///< of this step, one per group
  double momentum = 0;
  data::Batch batch;
  torch::Tensor logits;     ///< float [N,K] of this batch
  torch::Tensor loss;       ///< scalar of this batch
  double smooth_loss = 0;   ///< exponentially weighted mean of the training losses so far
  double images_per_s = 0;  ///< of this pass so far
  double wait_share = 0;    ///< of this pass so far, spent waiting for data, 0 … 1
};

/// One line of the history, as fastai prints it, with a few more columns.
struct EpochRecord {
  std::int64_t epoch = 0;
  std::string stage;
  double train_loss = 0;
  double valid_loss = 0;          ///< NaN without validation images
  std::vector<double> metrics;    ///< in the learner's order
  double seconds = 0;             ///< training and validation
  std::int64_t steps_so_far = 0;  ///< over all fits, at its end
  double train_images_per_s = 0;
  // Shares of the training pass, 0 … 1:
  double wait_share = 0;      ///< waiting for data
  double forward_share = 0;   ///< network and loss
  double backward_share = 0;  ///< gradients
  double update_share = 0;    ///< the optimizer
  double callback_share = 0;  ///< callbacks
};

/// One training step.
struct StepRecord {
  double lr = 0;  ///< of the last group
  double momentum = 0;
  double loss = 0;
};

/// Exponentially weighted mean with bias correction, as fastai shows the training loss (beta .98).
class SmoothLoss {
 public:
  SmoothLoss() = default;
  /// Continues from the sum() and count() of another.
  SmoothLoss(double sum, std::int64_t count) : sum_(sum), count_(count) {}

  void add(double loss) {
    ++count_;
    sum_ = kBeta * sum_ + (1 - kBeta) * loss;
  }
  /// 0 before the first loss.
  double value() const { return count_ == 0 ? 0 : sum_ / (1 - std::pow(kBeta, count_)); }
  double sum() const { return sum_; }
  std::int64_t count() const { return count_; }

 private:
  static constexpr double kBeta = 0.98;
  double sum_ = 0;
  std::int64_t count_ = 0;
};

/// How much faster an image is in validation than in training, since there is no backward pass: an estimate until it
/// has been measured.
inline constexpr double kValidationSpeed = 2.5;

/// The time budget of a fit.
class FitTime {
 public:
  /// Starts the clock. spent_s: the time spent before an interruption. budget_s: nothing if the time is not limited.
  /// validation_s: the time of a previous validation.
  void begin(double spent_s, std::optional<double> budget_s, std::optional<double> validation_s) {
    begin_ = Clock::now();
    validation_s_ = validation_s.value_or(0);
    has_measured_ = validation_s.has_value();
    spent_s_ = spent_s;
    budget_s_ = budget_s;
  }
  double spent_s() const { return spent_s_ + std::chrono::duration<double>(Clock::now() - begin_).count(); }
  /// Sets the measured time of a validation, which must fit into the budget as well.
  void set_validation_s(double seconds) {
    validation_s_ = seconds;
    has_measured_ = true;
  }
  /// Sets an estimate, used until a validation has been measured.
  void guess_validation_s(double seconds) {
    if (!has_measured_) validation_s_ = seconds;
  }

  bool is_limited() const { return budget_s_.has_value(); }
  /// The share of the training time that has passed, 0 … 1.
  double fraction() const { return std::min(1.0, spent_s() / std::max(1e-9, *budget_s_ - validation_s_)); }
  bool is_up() const { return is_limited() && fraction() >= 1; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_;
  double spent_s_ = 0;
  std::optional<double> budget_s_;
  double validation_s_ = 0;
  bool has_measured_ = false;
};

/// The parts of a training step. A GPU works asynchronously, so forward also contains what was left of the previous
/// parts: there the program waits for the loss.
enum class StepPart { kForward, kBackward, kUpdate, kCallbacks };

/// Seconds that each part of the training steps took.
class StepClock {
 public:
  /// A part begins here.
  void start() { since_ = Clock::now(); }
  /// Adds what has passed since start() or the last lap().
  void lap(StepPart part) {
    const Clock::time_point now = Clock::now();
    seconds_[static_cast<std::size_t>(part)] += std::chrono::duration<double>(now - since_).count();
    since_ = now;
  }
  /// Says that so many seconds were of another part than lap() was told.
  void move(StepPart from, StepPart to, double seconds) {
    seconds_[static_cast<std::size_t>(from)] -= seconds;
    seconds_[static_cast<std::size_t>(to)] += seconds;
  }
  double seconds(StepPart part) const { return seconds_[static_cast<std::size_t>(part)]; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point since_ = Clock::now();
  std::array<double, 4> seconds_ = {};
};

/// The times of an epoch's training pass so far, over all interruptions.
struct PassTimes {
  std::int64_t images = 0;
  double seconds = 0;
  double waited_s = 0;  ///< for data
  double forward_s = 0;
  double backward_s = 0;
  double update_s = 0;
  double callback_s = 0;
};

PassTimes operator+(const PassTimes& a, const PassTimes& b);

/// The state of a learner between two steps. Together with its tensors (Snapshot), another learner with the same
/// settings can continue from it as if nothing had happened.
struct TrainingState {
  std::string recipe;           ///< recipe_text of the current run; empty: none, or a checkpoint without a version
  std::size_t stage_index = 0;  ///< of the recipe
  std::string stage;            ///< of the current fit; empty: there is none
  std::int64_t epochs = 0;      ///< of this fit; 0: time decides, or a checkpoint without a version
  std::int64_t epoch = 0;       ///< of this fit, from 0: the current one, or the next
  bool is_in_epoch = false;     ///< its training pass has begun
  bool is_cancelled = false;    ///< the fit ends here
  std::int64_t step = 0;        ///< batches trained on in this epoch
  std::int64_t next_batch = 0;  ///< of this pass: the one after the last batch used
  double fit_s = 0;             ///< seconds of this fit so far
  double epoch_begin_s = 0;     ///< the part of fit_s before this epoch
  PassTimes pass;               ///< of this epoch's training pass
  std::int64_t passes = 0;      ///< as Learner::passes
  double lr_factor = 1;
  std::optional<double> validation_s;      ///< the time of a validation, if time decides
  std::optional<int> first_trained_group;  ///< argument of the last freeze_to
  SmoothLoss smooth_loss;
  std::vector<EpochRecord> history;
  std::vector<StepRecord> steps;
  std::vector<data::SkippedImage> skipped;
  std::optional<predict::TrainingInputs> inputs;  ///< of the latest validation that callbacks heard of
};

/// Numbers keep all their bits. The steps are left out, since there are too many for text.
nlohmann::ordered_json to_json(const TrainingState& state);

/// Throws core::FormatError, naming `source`, for JSON that to_json did not write.
TrainingState training_state_from_json(const nlohmann::ordered_json& json, const std::filesystem::path& source);

}  // namespace margay::train
