#include <stdexcept>
#include <vector>

#include <torch/utils.h>

#include "margay/model/state_guard.h"
#include "margay/train/device_prefetcher.h"
#include "margay/train/learner.h"
#include "margay/train/task_loss.h"

namespace margay::train {

Predictions Learner::get_preds() {
  if (!loaders_.valid) throw std::invalid_argument("[get_preds] there are no validation images");
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
  const model::ModeGuard mode(*classifier_);
  classifier_->eval();
  Predictions all;
  std::vector<torch::Tensor> logits;
  std::vector<torch::Tensor> targets;
  DevicePrefetcher pass(loader.pass(epoch), copy_.get());
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

}  // namespace margay::train
