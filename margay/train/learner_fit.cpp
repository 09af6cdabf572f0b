#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ATen/ops/_foreach_mul.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/train/batch_loss.h"
#include "margay/train/learner.h"
#include "margay/train/nan_guard.h"
#include "margay/train/precision/gradients.h"
#include "margay/train/timed_pass.h"

namespace margay::train {
namespace {

double mean_of(double sum, std::int64_t count) {
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

void note_shares(EpochRecord& record, const TimedPass& pass, const StepClock& clock) {
  record.train_images_per_s = pass.images_per_s();
  record.wait_share = pass.waited_s() / pass.seconds();
  record.forward_share = clock.seconds(StepPart::kForward) / pass.seconds();
  record.backward_share = clock.seconds(StepPart::kBackward) / pass.seconds();
  record.update_share = clock.seconds(StepPart::kUpdate) / pass.seconds();
  record.callback_share = clock.seconds(StepPart::kCallbacks) / pass.seconds();
}

}  // namespace

void Learner::fit(std::int64_t epochs, const LearningRate& lr) { fit(epochs, constant(lr.for_groups(num_groups()))); }

void Learner::fit(std::int64_t epochs, const HyperSchedule& schedule, const std::string& stage) {
  fit({.stage = stage, .epochs = epochs, .schedule = schedule});
}

void Learner::fit(const FitPlan& plan) {
  begin_fit(plan);
  try {
    announce(&Callback::before_fit);
    while (!is_over(plan)) run_epoch(plan);
    announce(&Callback::after_fit);
  } catch (...) {
    announce(&Callback::after_interrupt);
    throw;
  }
  standing_.stage.clear();
}

void Learner::train_only(const HyperSchedule& schedule) {
  const FitPlan plan{.stage = "sweep", .schedule = schedule};
  is_resuming_ = false;
  begin_fit(plan);
  while (!standing_.is_cancelled) {
    EpochRecord record;
    standing_.is_in_epoch = false;
    train_epoch(plan, record);
  }
}

void Learner::begin_fit(const FitPlan& plan) {
  if (plan.epochs < 1) throw std::invalid_argument(fmt::format("[fit] epochs must be at least 1, got {}", plan.epochs));
  const bool goes_on = is_resuming_ && !standing_.stage.empty();
  if (goes_on && standing_.stage != plan.stage) {
    throw std::invalid_argument(
        fmt::format("[fit] training stood in the stage '{}', which '{}' cannot go on", standing_.stage, plan.stage));
  }
  is_resuming_ = false;
  if (!goes_on) {
    standing_.stage = plan.stage;
    standing_.epoch = 0;
    standing_.is_in_epoch = false;
    standing_.is_cancelled = false;
    standing_.fit_s = 0;
    standing_.smooth_loss = SmoothLoss();
  }
  at_ = Progress{};
  at_.stage = plan.stage;
  at_.epochs = plan.seconds ? 0 : plan.epochs;
  drop_gradients();
  time_.begin(standing_.fit_s, plan.seconds, standing_.validation_s);
}

bool Learner::is_over(const FitPlan& plan) const {
  if (standing_.is_cancelled) return true;
  return time_.is_limited() ? time_.is_up() : standing_.epoch >= plan.epochs;
}

void Learner::run_epoch(const FitPlan& plan) {
  const double begin_s = time_.spent_s();
  at_.epoch = standing_.epoch;
  EpochRecord record{.epoch = at_.epoch, .stage = plan.stage};
  announce(&Callback::before_epoch);
  train_epoch(plan, record);
  validate(record);
  standing_.fit_s = time_.spent_s();
  record.seconds = standing_.fit_s - begin_s;
  record.steps_so_far = static_cast<std::int64_t>(standing_.steps.size());
  standing_.history.push_back(record);
  ++standing_.epoch;
  standing_.is_in_epoch = false;
  for (const auto& callback : callbacks_) callback->after_epoch(*this, at_, record);
}

void Learner::train_epoch(const FitPlan& plan, EpochRecord& record) {
  classifier_->train();
  at_.is_training = true;
  at_.steps = loaders_.train.num_batches();
  if (!standing_.is_in_epoch) {
    standing_.is_in_epoch = true;
    standing_.step = standing_.next_batch = 0;
    ++standing_.passes;
  }
  clock_ = StepClock();
  TimedPass pass(loaders_.train, standing_.passes - 1, copy_.get(), standing_.next_batch);
  const double num_valid = loaders_.valid ? static_cast<double>(loaders_.valid->dataset().size()) : 0;
  while (!standing_.is_cancelled && !(time_.is_up() && standing_.step > 0)) {
    std::optional<data::Batch> batch = pass.next();
    if (!batch) break;
    if (batch->size() < 2) continue;  // what unreadable pictures left; a batch norm cannot train on one
    at_.batch = std::move(*batch);
    at_.images_per_s = pass.images_per_s();
    at_.wait_share = pass.waited_s() / pass.seconds();
    note_skipped(pass.newly_skipped());
    train_batch(plan);
    time_.guess_validation_s(num_valid / (kValidationSpeed * pass.images_per_s()));
  }
  if (has_pending_gradients()) update(set_progress(plan, at_.step));
  if (standing_.step == 0 && !standing_.is_cancelled) {
    throw core::DataError(loaders_.train.dataset().path(0).parent_path(),
                          "no batch has two pictures that can be read; `check_data` says what is wrong");
  }
  record.train_loss = standing_.smooth_loss.value();
  note_shares(record, pass, clock_);
  note_skipped(pass.newly_skipped());
  const bool is_last = time_.is_limited() ? time_.is_up() : standing_.epoch + 1 >= plan.epochs;
  if (!is_last && !standing_.is_cancelled) loaders_.train.prepare(standing_.passes);  // while validation runs
  announce(&Callback::after_train);
}

Hyper Learner::set_progress(const FitPlan& plan, std::int64_t step) {
  at_.step = step;
  at_.fraction = time_.is_limited() ? time_.fraction()
                                    : static_cast<double>(at_.epoch * at_.steps + at_.step) /
                                          static_cast<double>(plan.epochs * at_.steps);
  Hyper hyper = plan.schedule(at_.fraction);
  for (double& lr : hyper.lrs) lr *= standing_.lr_factor;
  at_.lrs = hyper.lrs;
  at_.momentum = hyper.momentum;
  return hyper;
}

void Learner::train_batch(const FitPlan& plan) {
  clock_.start();
  const Hyper hyper = set_progress(plan, standing_.step);
  announce(&Callback::before_batch);
  clock_.lap(StepPart::kCallbacks);
  at_.logits = forward(at_.batch);
  const double loss = compute_loss(loaders_.train.dataset());
  clock_.lap(StepPart::kForward);
  announce(&Callback::after_loss);
  clock_.lap(StepPart::kCallbacks);
  backward();
  clock_.lap(StepPart::kBackward);
  at_.loss = at_.loss.detach();
  at_.logits = at_.logits.detach();
  if ((standing_.step + 1) % accumulate_ == 0) update(hyper);
  standing_.smooth_loss.add(loss);
  at_.smooth_loss = standing_.smooth_loss.value();
  standing_.steps.push_back({hyper.lrs.back(), hyper.momentum, loss});
  ++standing_.step;
  standing_.next_batch = at_.batch.index + 1;
  standing_.fit_s = time_.spent_s();
  clock_.start();
  announce(&Callback::after_batch);
  clock_.lap(StepPart::kCallbacks);
}

/// Where several batches make a step, each counts by its pictures.
void Learner::backward() {
  const auto share = static_cast<double>(at_.batch.size()) / static_cast<double>(loaders_.train.options().batch_size);
  const torch::Tensor loss = accumulate_ == 1 ? at_.loss : at_.loss * share;
  (scaler_ ? scaler_->scale(loss) : loss).backward();
  pending_pictures_ += at_.batch.size();
}

void Learner::update(const Hyper& hyper) {
  clock_.start();
  const std::vector<torch::Tensor> gradients = gradients_of(*classifier_);
  const bool is_infinite = scaler_ && scaler_->unscale(gradients);
  if (!scaler_) check_gradients(global_norm(gradients), at_.batch, loaders_.train.dataset(), where());
  if (accumulate_ > 1) {
    const auto batch_size = static_cast<double>(loaders_.train.options().batch_size);
    const torch::NoGradGuard no_grad;
    at::_foreach_mul_(gradients, batch_size / static_cast<double>(pending_pictures_));
  }
  clock_.lap(StepPart::kUpdate);
  if (!is_infinite) {
    announce(&Callback::before_step);
    clock_.lap(StepPart::kCallbacks);
    optimizer_->step(hyper);
  }
  drop_gradients();
  if (scaler_) scaler_->update(is_infinite);
  clock_.lap(StepPart::kUpdate);
  if (is_infinite) return;
  announce(&Callback::after_step);
  clock_.lap(StepPart::kCallbacks);
}

/// For messages.
std::string Learner::where() const {
  if (!at_.is_training) return fmt::format("the validation of epoch {}", at_.epoch + 1);
  return fmt::format("step {} of epoch {}", at_.step + 1, at_.epoch + 1);
}

/// Validation is judged by the task's own loss, so that runs compare.
double Learner::compute_loss(const data::Dataset& dataset) {
  const TrainingLoss& wanted = at_.is_training ? training_loss_ : validation_loss_;
  at_.loss = batch_loss(wanted, at_.logits, at_.batch, dataset);
  const auto loss = at_.loss.item<double>();
  check_finite(loss, at_.logits, at_.batch, dataset, where(),
               [&] { return first_non_finite_layer(*classifier_, at_.batch.images, precision_); });
  return loss;
}

EpochRecord Learner::evaluate() {
  const std::vector<std::shared_ptr<Callback>> listeners = exchange_callbacks({});
  EpochRecord record{.stage = "evaluation"};
  try {
    validate(record);
  } catch (...) {
    exchange_callbacks(listeners);
    throw;
  }
  exchange_callbacks(listeners);
  return record;
}

void Learner::validate(EpochRecord& record) {
  record.valid_loss = std::numeric_limits<double>::quiet_NaN();
  for (const auto& metric : metrics_) metric->reset();
  if (loaders_.valid) {
    const torch::NoGradGuard no_grad;
    classifier_->eval();
    at_.is_training = false;
    at_.steps = loaders_.valid->num_batches();
    at_.step = 0;
    TimedPass pass(*loaders_.valid, 0, copy_.get());
    double sum = 0;
    std::int64_t count = 0;
    while (auto batch = pass.next()) {
      at_.batch = std::move(*batch);
      at_.images_per_s = pass.images_per_s();
      at_.logits = forward(at_.batch);
      const double loss = compute_loss(loaders_.valid->dataset());
      sum += loss * static_cast<double>(at_.batch.size());
      count += at_.batch.size();
      for (const auto& metric : metrics_) metric->update(at_.logits, at_.batch.targets);
      announce(&Callback::after_batch);
      ++at_.step;
    }
    record.valid_loss = mean_of(sum, count);
    note_skipped(pass.newly_skipped());
    standing_.validation_s = pass.seconds();
    time_.set_validation_s(pass.seconds());
  }
  for (const auto& metric : metrics_) record.metrics.push_back(metric->value());
  announce(&Callback::after_validate);
}

}  // namespace margay::train
