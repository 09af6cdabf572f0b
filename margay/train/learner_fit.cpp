#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ATen/ops/_foreach_mul.h>
#include <fmt/format.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/data/common_folder.h"
#include "margay/model/torch_errors.h"
#include "margay/predict/inference.h"
#include "margay/train/kept_value.h"
#include "margay/train/learner.h"
#include "margay/train/non_finite_layer.h"
#include "margay/train/precision/gradients.h"
#include "margay/train/task_loss.h"

namespace margay::train {
namespace {

/// Batch norms then compute as in validation; their weights and biases still train.
void keep_norm_statistics(model::Classifier& classifier) {
  for (const auto& module : classifier.modules(/*include_self=*/false)) {
    if (module->as<torch::nn::BatchNorm2d>() != nullptr || module->as<torch::nn::BatchNorm1d>() != nullptr) {
      module->eval();
    }
  }
}

/// The other rules give the same bits for any number of threads.
bool multiplies_matrices(const Optimizer& optimizer) {
  const auto* rules = dynamic_cast<const RuleOptimizer*>(&optimizer);
  return rules != nullptr && rules->options().kind == OptimizerKind::kMuon;
}

double mean_of(double sum, std::int64_t count) {
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

/// Not a number where the pass is not known: an older checkpoint stood behind it.
void note_shares(EpochRecord& record, const PassTimes& pass) {
  const auto per_second = [&](double value) {
    return pass.images > 0 ? value / pass.seconds : std::numeric_limits<double>::quiet_NaN();
  };
  record.train_images_per_s = per_second(static_cast<double>(pass.images));
  record.wait_share = per_second(pass.waited_s);
  record.forward_share = per_second(pass.forward_s);
  record.backward_share = per_second(pass.backward_s);
  record.update_share = per_second(pass.update_s);
  record.callback_share = per_second(pass.callback_s);
}

}  // namespace

void Learner::fit(std::int64_t epochs, const LearningRate& lr) { fit(epochs, constant(lr.for_groups(num_groups()))); }

void Learner::fit(std::int64_t epochs, const HyperSchedule& schedule, const std::string& stage) {
  fit({.stage = stage, .epochs = epochs, .schedule = schedule});
}

void Learner::fit(const FitPlan& plan) {
  begin_fit(plan);
  const KeptValue fitting(is_fitting_, true);
  try {
    announce(&Callback::before_fit);
    while (!is_over(plan)) run_epoch(plan);
    announce(&Callback::after_fit);
  } catch (...) {
    announce(&Callback::after_interrupt);
    model::rethrow_as_own(model::kTrainWithLess);
  }
  training_state_.stage.clear();
}

void Learner::train_only(const HyperSchedule& schedule) {
  const FitPlan plan{.stage = "sweep", .schedule = schedule};
  refuse_within_fit("train_only");
  is_resuming_ = false;
  begin_fit(plan);
  const KeptValue fitting(is_fitting_, true);
  while (!training_state_.is_cancelled) {
    EpochRecord record;
    training_state_.is_in_epoch = false;
    model::with_own_errors(model::kTrainWithLess, [&] { train_epoch(plan, record); });
  }
}

void Learner::begin_fit(const FitPlan& plan) {
  refuse_within_fit("fit");
  if (!plan.schedule) throw std::invalid_argument("[fit] the schedule is empty");
  if (plan.epochs < 1) throw std::invalid_argument(fmt::format("[fit] epochs must be at least 1, got {}", plan.epochs));
  const bool goes_on = is_resuming_ && !training_state_.stage.empty();
  if (goes_on && training_state_.stage != plan.stage) {
    throw std::invalid_argument(fmt::format("[fit] training stood in the stage '{}', which '{}' cannot go on",
                                            training_state_.stage, plan.stage));
  }
  const std::int64_t epochs = plan.seconds ? 0 : plan.epochs;
  if (goes_on && training_state_.epochs != 0 && training_state_.epochs != epochs) {
    throw std::invalid_argument(fmt::format("[fit] training stood in a fit of {} epochs, which one of {} cannot go on",
                                            training_state_.epochs,
                                            plan.seconds ? "a given time" : std::to_string(epochs)));
  }
  check_same_in_all();
  is_resuming_ = false;
  training_state_.epochs = epochs;
  if (!goes_on) {
    training_state_.stage = plan.stage;
    training_state_.epoch = 0;
    training_state_.is_in_epoch = false;
    training_state_.is_cancelled = false;
    training_state_.fit_s = training_state_.epoch_begin_s = 0;
    training_state_.smooth_loss = SmoothLoss();
  }
  at_ = Progress{};
  at_.stage = plan.stage;
  at_.epochs = epochs;
  drop_gradients();
  time_.begin(training_state_.fit_s, plan.seconds, training_state_.validation_s);
}

bool Learner::is_over(const FitPlan& plan) const {
  const bool is_done = time_.is_limited() ? time_.is_up() : training_state_.epoch >= plan.epochs;
  return agree(training_state_.is_cancelled || is_done);
}

void Learner::run_epoch(const FitPlan& plan) {
  if (!training_state_.is_in_epoch) training_state_.epoch_begin_s = time_.spent_s();
  at_.epoch = training_state_.epoch;
  EpochRecord record{.epoch = at_.epoch, .stage = plan.stage};
  announce(&Callback::before_epoch);
  train_epoch(plan, record);
  validate(record);
  check_same_weights(where().c_str());
  training_state_.fit_s = time_.spent_s();
  record.seconds = training_state_.fit_s - training_state_.epoch_begin_s;
  record.steps_so_far = static_cast<std::int64_t>(training_state_.steps.size());
  training_state_.history.push_back(record);
  ++training_state_.epoch;
  training_state_.is_in_epoch = false;
  const std::vector<std::shared_ptr<Callback>> listeners = callbacks_;
  for (const auto& callback : listeners) callback->after_epoch(*this, at_, record);
}

void Learner::train_epoch(const FitPlan& plan, EpochRecord& record) {
  classifier_->train();
  if (keeps_norm_statistics_) keep_norm_statistics(*classifier_);
  at_.is_training = true;
  at_.steps = loaders_.train.num_batches();
  if (!training_state_.is_in_epoch) {
    training_state_.is_in_epoch = true;
    training_state_.step = training_state_.next_batch = 0;
    training_state_.pass = {};
    ++training_state_.passes;
  }
  earlier_ = training_state_.pass;
  clock_ = StepClock();
  pass_images_ = 0;
  pass_batch_ = training_state_.next_batch;
  data::TimedPass pass(loaders_.train, training_state_.passes - 1, copy_.get(), training_state_.next_batch);
  const double num_valid = loaders_.valid ? static_cast<double>(loaders_.valid->dataset().size()) : 0;
  while (!agree(training_state_.is_cancelled || (time_.is_up() && training_state_.step > 0))) {
    std::optional<data::Batch> batch = next_batch(pass);
    if (!batch) break;  // in all processes alike (next_batch)
    if (micro_ && micro_batch_.sync_batch_norm && agree(batch->size() < 2)) continue;  // each must take part
    if (!micro_ && batch->size() < 2) continue;  // what unreadable images left; a batch norm cannot train on one
    at_.batch = std::move(*batch);
    at_.images_per_s = static_cast<double>(images_of(pass)) / pass.seconds();
    at_.wait_share = pass.waited_s() / pass.seconds();
    note_skipped(pass.newly_skipped());
    train_batch(plan, pass);
    time_.guess_validation_s(num_valid / (kValidationSpeed * static_cast<double>(images_of(pass)) / pass.seconds()));
  }
  if (has_pending_gradients()) update(set_progress(plan, at_.step));
  if (training_state_.step == 0 && !training_state_.is_cancelled) {
    throw core::DataError(data::common_folder(loaders_.train.dataset()),
                          "no batch has two images that can be read; `check_data` says what is wrong");
  }
  record.train_loss = training_state_.smooth_loss.value();
  if (images_of(pass) > 0) note_times(pass);
  note_shares(record, training_state_.pass);
  note_skipped(pass.newly_skipped());
  share_skipped();
  const bool is_last = time_.is_limited() ? time_.is_up() : training_state_.epoch + 1 >= plan.epochs;
  if (!is_last && !training_state_.is_cancelled)
    loaders_.train.prepare(training_state_.passes);  // while validation runs
  announce(&Callback::after_train);
}

Hyper Learner::set_progress(const FitPlan& plan, std::int64_t step) {
  at_.step = step;
  at_.fraction = time_.is_limited() ? collective::from_first(*group_, time_.fraction())
                                    : static_cast<double>(at_.epoch * at_.steps + at_.step) /
                                          static_cast<double>(plan.epochs * at_.steps);
  Hyper hyper = plan.schedule(at_.fraction);
  for (double& lr : hyper.lrs) lr *= training_state_.lr_factor;
  at_.lrs = hyper.lrs;
  at_.momentum = hyper.momentum;
  return hyper;
}

void Learner::note_times(const data::TimedPass& pass) {
  training_state_.pass = earlier_ + PassTimes{.images = images_of(pass),
                                              .seconds = pass.seconds(),
                                              .waited_s = pass.waited_s(),
                                              .forward_s = clock_.seconds(StepPart::kForward),
                                              .backward_s = clock_.seconds(StepPart::kBackward),
                                              .update_s = clock_.seconds(StepPart::kUpdate),
                                              .callback_s = clock_.seconds(StepPart::kCallbacks)};
}

void Learner::train_batch(const FitPlan& plan, const data::TimedPass& pass) {
  clock_.start();
  const Hyper hyper = set_progress(plan, training_state_.step);
  if (micro_) group_->set_position(where());
  announce(&Callback::before_batch);
  clock_.lap(StepPart::kCallbacks);
  const bool completes_step = (training_state_.step + 1) % accumulate_ == 0;
  const std::optional<double> loss = micro_ ? compute_micro_gradients(completes_step) : compute_gradients();
  if (!loss) return pass_over_batch(completes_step, hyper);
  if (completes_step) update(hyper);
  training_state_.smooth_loss.add(*loss);
  at_.smooth_loss = training_state_.smooth_loss.value();
  training_state_.steps.push_back({hyper.lrs.back(), hyper.momentum, *loss});
  ++training_state_.step;
  training_state_.next_batch = at_.batch.index + 1;
  training_state_.fit_s = time_.spent_s();
  note_times(pass);
  clock_.start();
  announce(&Callback::after_batch);
  clock_.lap(StepPart::kCallbacks);
}

double Learner::compute_gradients() {
  at_.logits = forward(at_.batch);
  const double loss = compute_loss(loaders_.train.dataset());
  clock_.lap(StepPart::kForward);
  announce(&Callback::after_loss);
  clock_.lap(StepPart::kCallbacks);
  backward();
  clock_.lap(StepPart::kBackward);
  at_.loss = at_.loss.detach();
  at_.logits = at_.logits.detach();
  return loss;
}

/// Where several batches make a step, each counts by its images.
void Learner::backward() {
  const auto share = static_cast<double>(at_.batch.size()) / static_cast<double>(loaders_.train.options().batch_size);
  const torch::Tensor loss = accumulate_ == 1 ? at_.loss : at_.loss * share;
  (scaler_ ? scaler_->scale(loss) : loss).backward();
  pending_images_ += at_.batch.size();
}

void Learner::update(const Hyper& hyper) {
  clock_.start();
  if (micro_) micro_->complete_step();
  const std::vector<torch::Tensor> gradients = gradients_of(*classifier_);
  const bool is_infinite = scaler_ && agree(scaler_->unscale(gradients));
  if (!scaler_) {
    const double norm = global_norm(gradients);
    if (micro_ ? !std::isfinite(norm) : agree(!std::isfinite(norm))) {  // the same numbers in all processes
      check_gradients(norm, at_.batch, loaders_.train.dataset(), where());
      throw DivergedError(fmt::format("the gradients of another process are not finite in {}", where()));
    }
  }
  const std::int64_t batch_size = loaders_.train.options().batch_size;
  if (micro_ ? pending_images_ != batch_size : accumulate_ > 1) {
    const torch::NoGradGuard no_grad;
    at::_foreach_mul_(gradients, static_cast<double>(batch_size) / static_cast<double>(pending_images_));
  }
  clock_.lap(StepPart::kUpdate);
  if (!is_infinite) {
    announce(&Callback::before_step);
    clock_.lap(StepPart::kCallbacks);
    const auto threads = multiplies_matrices(*optimizer_) ? micro_batch_threads() : nullptr;
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
  const bool is_bad = !std::isfinite(loss);
  if (at_.is_training ? agree(is_bad) : is_bad) {
    check_finite(loss, at_.logits, at_.batch, dataset, where(), [&] { return first_layer_of(at_.batch); });
    throw DivergedError(fmt::format("the loss of another process is not finite in {}", where()));
  }
  return loss;
}

/// "" where another process has the images.
std::string Learner::first_layer_of(const data::Batch& batch) {
  return batch.images.defined() ? first_non_finite_layer(*classifier_, batch.images, precision_) : "";
}

EpochRecord Learner::evaluate() {
  if (is_validating_) {
    throw std::invalid_argument(
        "[evaluate] cannot be called from a callback during a validation: both need the metrics");
  }
  const KeptValue at(at_, {.stage = at_.stage, .epoch = at_.epoch, .epochs = at_.epochs});
  EpochRecord record{.stage = "evaluation"};
  measure(record, Audience::kNobody);
  return record;
}

void Learner::validate(EpochRecord& record) {
  if (loaders_.valid) classifier_->eval();  // until the next training pass, so also for the callbacks after this
  const std::optional<double> seconds = measure(record, Audience::kCallbacks);
  if (seconds) {
    training_state_.validation_s = *seconds;
    time_.set_validation_s(*seconds);
  }
  announce(&Callback::after_validate);
}

std::optional<double> Learner::measure(EpochRecord& record, Audience audience) {
  const KeptValue validating(is_validating_, true);
  const metric::Metrics metrics = metrics_;
  for (const auto& metric : metrics) metric->reset();
  double sum = 0;
  predict::PassSummary pass;
  predict::InputMeter inputs;
  const auto visit = [&](predict::BatchOutput& output) {
    at_.batch = std::move(output.batch);
    at_.images_per_s = output.images_per_s;
    at_.logits = std::move(output.logits);
    sum += compute_loss(loaders_.valid->dataset()) * static_cast<double>(at_.batch.size());
    for (const auto& metric : metrics) metric->update(at_.logits, at_.batch.targets);
    if (at_.batch.images.defined()) measure_inputs(at_.batch.images, at_.logits, inputs);
    if (audience == Audience::kCallbacks) announce(&Callback::after_batch);
    ++at_.step;
  };
  if (loaders_.valid) {
    at_.is_training = false;
    at_.steps = loaders_.valid->total_batches();
    at_.step = 0;
    pass = micro_ ? measure_together(visit, inputs)
                  : predict::for_each_batch(*classifier_, *loaders_.valid, inference(), visit);
    note_skipped(pass.skipped);
    share_skipped();
    if (audience == Audience::kCallbacks) training_state_.inputs = inputs.result();
  }
  record.valid_loss = mean_of(sum, pass.images);
  for (const auto& metric : metrics) record.metrics.push_back(metric->value());
  return loaders_.valid ? std::optional(pass.seconds) : std::nullopt;
}

void Learner::measure_inputs(const torch::Tensor& images, const torch::Tensor& logits,
                             predict::InputMeter& inputs) const {
  inputs.add(images, loaders_.transforms().normalization,
             metric::probabilities(logits, predict::activation_of(loaders_.task())));
}

}  // namespace margay::train
