#include "margay/train/learner.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/bundle/bundle.h"
#include "margay/core/error.h"
#include "margay/train/batch_loss.h"
#include "margay/train/device_feed.h"
#include "margay/train/optim/adam.h"

namespace margay::train {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double mean_of(double sum, std::int64_t count) {
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

}  // namespace

/// Counts pictures and seconds of one walk over a loader.
class Learner::Pass {
 public:
  Pass(const data::Loader& loader, std::int64_t epoch, BatchCopy* copy) : batches_(loader.pass(epoch), copy) {}

  std::optional<data::Batch> next() {
    std::optional<data::Batch> batch = batches_.next();
    if (batch) pictures_ += batch->size();
    return batch;
  }
  double seconds() const { return seconds_since(begin_); }
  double images_per_s() const { return static_cast<double>(pictures_) / std::max(seconds(), 1e-9); }
  double wait_share() const { return batches_.waited_s() / std::max(seconds(), 1e-9); }
  const std::vector<data::SkippedPicture>& skipped() const { return batches_.skipped(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  DeviceFeed batches_;
  std::int64_t pictures_ = 0;
};

Learner::Learner(data::Loaders loaders, std::shared_ptr<model::Classifier> classifier, const LearnerOptions& options)
    : loaders_(std::move(loaders)),
      classifier_(std::move(classifier)),
      device_(find_device(options.device)),
      precision_(model::resolve_precision(options.precision, device_)) {
  core::validate(options);
  if (classifier_->num_classes() != loaders_.vocabulary.size()) {
    throw std::invalid_argument(fmt::format("[Learner] the classifier has {} classes, the data {}",
                                            classifier_->num_classes(), loaders_.vocabulary.size()));
  }
  if (loaders_.train.dataset().size() < 2) {
    throw std::invalid_argument("[Learner] training needs two pictures at least, for its batch norms");
  }
  if (loaders_.train.options().batch_size < 2) {
    throw std::invalid_argument("[Learner] batch_size must be 2 at least, for its batch norms");
  }
  classifier_->to(device_);
  copy_ = batch_copy(device_);
  optimizer_ = std::make_unique<Adam>(classifier_->parameter_groups(), AdamOptions{.wd = options.wd});
}

void Learner::set_class_weights(std::vector<double> weights) {
  const auto count = static_cast<std::int64_t>(weights.size());
  if (count != 0 && count != classifier_->num_classes()) {
    throw std::invalid_argument(
        fmt::format("[set_class_weights] {} weights for {} classes", count, classifier_->num_classes()));
  }
  class_weights_ = std::move(weights);
}

void Learner::set_passes(std::int64_t passes) {
  if (passes < 0) throw std::invalid_argument(fmt::format("[set_passes] passes must not be negative, got {}", passes));
  passes_ = passes;
}

void Learner::set_lr_factor(double factor) {
  if (!(factor > 0)) throw std::invalid_argument(fmt::format("[set_lr_factor] must be positive, got {}", factor));
  lr_factor_ = factor;
}

void Learner::freeze() { classifier_->freeze(); }
void Learner::unfreeze() { classifier_->unfreeze(); }
void Learner::freeze_to(int group) { classifier_->freeze_to(group); }

void Learner::announce(void (Callback::*event)(Learner&, const Progress&)) {
  for (const auto& callback : callbacks_) ((*callback).*event)(*this, at_);
}

void Learner::fit(std::int64_t epochs, const LearningRate& lr) { fit(epochs, constant(lr.for_groups(num_groups()))); }

void Learner::fit(std::int64_t epochs, const HyperSchedule& schedule, const std::string& stage) {
  if (epochs < 1) throw std::invalid_argument(fmt::format("[fit] epochs must be at least 1, got {}", epochs));
  at_ = Progress{};
  at_.stage = stage;
  at_.epochs = epochs;
  is_cancelled_ = false;
  smooth_loss_ = SmoothLoss();
  announce(&Callback::before_fit);
  for (at_.epoch = 0; at_.epoch < epochs && !is_cancelled_; ++at_.epoch) {
    const auto begin = std::chrono::steady_clock::now();
    EpochRecord record{.epoch = at_.epoch, .stage = stage};
    announce(&Callback::before_epoch);
    train_epoch(schedule, record);
    validate(record);
    record.seconds = seconds_since(begin);
    history_.push_back(record);
    for (const auto& callback : callbacks_) callback->after_epoch(*this, at_, record);
  }
  announce(&Callback::after_fit);
}

void Learner::train_epoch(const HyperSchedule& schedule, EpochRecord& record) {
  classifier_->train();
  at_.is_training = true;
  at_.steps = loaders_.train.num_batches();
  at_.step = 0;
  Pass pass(loaders_.train, passes_++, copy_.get());
  while (auto batch = pass.next()) {
    if (batch->size() < 2) continue;  // what unreadable pictures left; a batch norm cannot train on one
    at_.batch = std::move(*batch);
    at_.images_per_s = pass.images_per_s();
    train_batch(schedule);
    ++at_.step;
    if (is_cancelled_) break;
  }
  if (at_.step == 0 && !is_cancelled_) {
    throw core::DataError(loaders_.train.dataset().path(0).parent_path(),
                          "no batch has two pictures that can be read; `margay check` says what is wrong");
  }
  record.train_loss = smooth_loss_.value();
  record.train_images_per_s = pass.images_per_s();
  record.wait_share = pass.wait_share();
  note_skipped(pass.skipped());
  if (at_.epoch + 1 < at_.epochs && !is_cancelled_) loaders_.train.prepare(passes_);  // while validation runs
  announce(&Callback::after_train);
}

void Learner::train_batch(const HyperSchedule& schedule) {
  at_.fraction = static_cast<double>(at_.epoch * at_.steps + at_.step) / static_cast<double>(at_.epochs * at_.steps);
  Hyper hyper = schedule(at_.fraction);
  for (double& lr : hyper.lrs) lr *= lr_factor_;
  at_.lrs = hyper.lrs;
  at_.momentum = hyper.momentum;
  announce(&Callback::before_batch);
  at_.logits = forward(at_.batch);
  const double loss = compute_loss(loaders_.train.dataset());
  announce(&Callback::after_loss);
  at_.loss.backward();
  announce(&Callback::before_step);
  optimizer_->step(hyper);
  optimizer_->zero_grad();
  at_.loss = at_.loss.detach();
  at_.logits = at_.logits.detach();
  smooth_loss_.add(loss);
  at_.smooth_loss = smooth_loss_.value();
  steps_.push_back({hyper.lrs.back(), hyper.momentum, loss});
  announce(&Callback::after_batch);
}

double Learner::compute_loss(const data::Dataset& dataset) {
  const TaskLoss loss_of_task = {loaders_.task(), at_.is_training ? class_weights_ : std::vector<double>()};
  at_.loss = batch_loss(loss_of_task, at_.logits, at_.batch, dataset);
  const auto loss = at_.loss.item<double>();
  check_finite(loss, at_.logits, at_.batch, dataset,
               at_.is_training ? fmt::format("step {} of epoch {}", at_.step + 1, at_.epoch + 1)
                               : fmt::format("the validation of epoch {}", at_.epoch + 1));
  return loss;
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
    Pass pass(*loaders_.valid, 0, copy_.get());
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
    note_skipped(pass.skipped());
  }
  for (const auto& metric : metrics_) record.metrics.push_back(metric->value());
  announce(&Callback::after_validate);
}

Predictions Learner::get_preds() {
  if (!loaders_.valid) throw std::invalid_argument("[get_preds] there are no validation pictures");
  return predictions_of(*loaders_.valid, 0);
}

Predictions Learner::tta(const TtaOptions& options) {
  core::validate(options);
  Predictions all = get_preds();
  std::vector<torch::Tensor> draws;
  const data::Loader augmented = loaders_.valid->augmented();
  for (std::int64_t draw = 0; draw < options.n; ++draw) draws.push_back(predictions_of(augmented, draw).logits);
  const bool is_single = loaders_.task() == data::Task::kSingleLabel;
  all.logits = metric::average_draws(
      all.logits, draws, is_single ? metric::Activation::kSoftmax : metric::Activation::kSigmoid, options.beta);
  all.losses = TaskLoss{loaders_.task()}.of_each(all.logits, all.targets);
  return all;
}

Predictions Learner::predictions_of(const data::Loader& loader, std::int64_t epoch) {
  const torch::NoGradGuard no_grad;
  classifier_->eval();
  Predictions all;
  std::vector<torch::Tensor> logits;
  std::vector<torch::Tensor> targets;
  DeviceFeed pass(loader.pass(epoch), copy_.get());
  while (const auto batch = pass.next()) {
    all.ids.insert(all.ids.end(), batch->ids.begin(), batch->ids.end());
    logits.push_back(forward(*batch).cpu());
    targets.push_back(batch->targets.cpu());
  }
  all.logits = torch::cat(logits);
  all.targets = torch::cat(targets);
  all.losses = TaskLoss{loaders_.task()}.of_each(all.logits, all.targets);
  all.skipped = pass.skipped();
  return all;
}

torch::Tensor Learner::forward(const data::Batch& batch) {
  const model::Autocast autocast(device_, precision_);
  return classifier_->forward(batch.images).to(torch::kFloat);
}

void Learner::note_skipped(const std::vector<data::SkippedPicture>& skipped) {
  for (const data::SkippedPicture& picture : skipped) {
    if (skipped_problems_.insert(picture.problem).second) skipped_.push_back(picture);
  }
}

void Learner::save(const std::filesystem::path& path, const nlohmann::ordered_json& provenance) {
  bundle::save_bundle(path, {.classifier = classifier_,
                             .vocabulary = loaders_.vocabulary,
                             .task = loaders_.task(),
                             .recipe = loaders_.recipe(),
                             .provenance = provenance});
}

torch::Device find_device(const std::string& name) {
  if (name == "auto") return torch::cuda::is_available() ? torch::kCUDA : torch::kCPU;
  const bool is_known = name == "cpu" || name == "cuda" || name.starts_with("cuda:");
  if (!is_known) throw std::invalid_argument(fmt::format("[device] '{}' is none of auto, cpu, cuda, cuda:N", name));
  if (name != "cpu" && !torch::cuda::is_available()) {
    throw std::invalid_argument("[device] there is no CUDA device here, or LibTorch was built without CUDA; use cpu");
  }
  return torch::Device(name);
}

}  // namespace margay::train
