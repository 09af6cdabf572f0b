#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "margay/model/torch_errors.h"
#include "margay/train/kept_value.h"
#include "margay/train/learner.h"
#include "margay/train/probe/probe.h"

namespace margay::train {

void Learner::run_probe(const std::string& stage) {
  const auto begin = std::chrono::steady_clock::now();
  at_ = Progress{};
  at_.stage = stage;
  drop_gradients();
  const KeptValue fitting(is_fitting_, true);
  const auto total =
      static_cast<std::int64_t>(given_.train.dataset().size() + (given_.valid ? given_.valid->dataset().size() : 0));
  std::int64_t done = 0;
  const std::vector<std::shared_ptr<Callback>> listeners = callbacks_;
  const auto count = [&](std::size_t images) {
    done = std::min(total, done + static_cast<std::int64_t>(images));
    for (const auto& callback : listeners) callback->during_probe(*this, done, total);
  };
  ProbeOptions options{.balance = given_.train.options().balance, .learning_curve = false};
  options.features.precision = precision_;
  options.features.cache_folder = feature_cache_;
  options.features.kept = predict::KeptFeaturesUse::kAllOrNone;
  options.features.group = group_;
  const auto threads = micro_batch_threads();
  const Probe fitted =
      model::with_own_errors(model::kTrainWithLess, [&] { return probe(given_, *classifier_, options, count); });
  note_skipped(fitted.train.skipped);
  EpochRecord record = record_of(fitted, stage);
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  training_state_.history.push_back(record);
  ++training_state_.stage_index;  // a checkpoint of now goes on behind the probe
  for (const auto& callback : listeners) callback->after_probe(*this, fitted);
  for (const auto& callback : listeners) callback->after_epoch(*this, at_, record);
}

EpochRecord Learner::record_of(const Probe& probe, const std::string& stage) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const std::optional<ProbeValidation>& valid = probe.result.valid;
  EpochRecord record{.stage = stage,
                     .train_loss = probe.result.score.loss.mean,
                     .valid_loss = valid ? valid->score.loss.mean : kNone,
                     .steps_so_far = static_cast<std::int64_t>(training_state_.steps.size()),
                     .train_images_per_s = kNone,
                     .wait_share = kNone,
                     .forward_share = kNone,
                     .backward_share = kNone,
                     .update_share = kNone,
                     .callback_share = kNone};
  for (const auto& metric : metrics_) {
    metric->reset();
    if (valid) metric->update(valid->predictions.logits, valid->predictions.targets);
    record.metrics.push_back(metric->value());
  }
  return record;
}

std::optional<double> Learner::without_probe(std::optional<double> seconds, const Stages& recipe) const {
  const bool has_probed =
      seconds && begins_with_probe(recipe) && !history().empty() && history().front().stage == recipe.front().name;
  if (!has_probed) return seconds;
  constexpr double kAtLeast = 0.05;  // a budget that the probe has used up still trains a few steps
  return std::max(*seconds - history().front().seconds, kAtLeast * *seconds);
}

}  // namespace margay::train
