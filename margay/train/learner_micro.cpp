#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/fused/synced_batch_norm.h"
#include "margay/predict/inference.h"
#include "margay/train/learner.h"
#include "margay/train/task_loss.h"

/// Training and validation where batches are divided into micro-batches, which one process or several compute.
namespace margay::train {

std::int64_t Learner::images_of(const data::TimedPass& pass) const { return micro_ ? pass_images_ : pass.images(); }

std::optional<data::Batch> Learner::next_batch(data::TimedPass& pass) {
  if (!micro_) return pass.next();
  if (pass_batch_ >= at_.steps) return std::nullopt;
  std::optional<data::Batch> batch = pass.next();
  if (!batch) batch.emplace();  // of the last, smaller batch this process has nothing
  batch->index = pass_batch_++;
  return batch;
}

std::optional<double> Learner::compute_micro_gradients(bool completes_step) {
  MicroLoss batch;
  std::optional<model::SyncedNorms> synced;
  if (micro_batch_.sync_batch_norm) synced.emplace([&](std::span<double> values) { group_->sum(values); });
  const double backward_before_s = micro_->backward_s();
  double between_s = 0;  // of the backward passes before the last forward one
  const data::Dataset& dataset = loaders_.train.dataset();
  const auto forward_part = [&](model::Classifier& network, MicroForward& part) {
    const torch::Tensor logits = predict::logits_of(network, part.batch.images, precision_);
    part.loss = batch_loss(training_loss_, logits, part.batch, dataset);
    part.logits = logits.detach();
  };
  const auto check = [&](const std::vector<MicroLoss>& losses, const std::vector<MicroForward>& own,
                         const Wishes& wanted) {
    wanted_ = wanted;
    clock_.lap(StepPart::kForward);
    between_s = micro_->backward_s() - backward_before_s;
    batch = loss_of_batch(losses);
    take_losses(batch, own);
    announce(&Callback::after_loss);
    clock_.lap(StepPart::kCallbacks);
  };
  const auto scaled = [&](const torch::Tensor& loss) { return scaler_ ? scaler_->scale(loss) : loss; };
  const DrawPosition at{loaders_.train.options().seed, training_state_.passes, at_.batch.index};
  micro_->run(at_.batch, loaders_.train.options().batch_size, at, completes_step,
              {.forward = forward_part, .wishes = [&] { return wishes(); }, .check = check, .scaled = scaled});
  clock_.lap(StepPart::kBackward);
  clock_.move(StepPart::kForward, StepPart::kBackward, between_s);
  pending_images_ += batch.images;
  pass_images_ += batch.images;
  return batch.images > 0 ? std::optional(batch.loss) : std::nullopt;
}

Wishes Learner::wishes() const {
  Wishes wishes = {};
  for (std::size_t i = 0; i < kWishes; ++i) {
    const auto wants = [&](const std::shared_ptr<Callback>& callback) { return callback->wants(static_cast<Wish>(i)); };
    wishes[i] = std::any_of(callbacks_.begin(), callbacks_.end(), wants);
  }
  return wishes;
}

/// The losses of all processes are known to all, so they decide alike without asking each other.
void Learner::take_losses(const MicroLoss& batch, const std::vector<MicroForward>& own) {
  std::vector<torch::Tensor> logits = {torch::empty({0, classifier_->num_classes()}, device_)};
  for (const MicroForward& each : own) {
    if (each.logits.defined()) logits.push_back(each.logits);
  }
  at_.logits = torch::cat(logits);
  at_.loss = torch::tensor(batch.loss);
  if (std::isfinite(batch.loss)) return;
  for (const MicroForward& each : own) {
    if (!each.logits.defined()) continue;
    check_finite(each.value, each.logits, each.batch, loaders_.train.dataset(), where(),
                 [&] { return first_layer_of(each.batch); });
  }
  throw DivergedError(fmt::format("the loss of another process is not finite in {}", where()));
}

/// Of a batch without images nothing is recorded; what waits for it goes on.
void Learner::pass_over_batch(bool completes_step, const Hyper& hyper) {
  if (has_pending_gradients()) {
    if (completes_step) update(hyper);
    ++training_state_.step;
  } else {
    drop_gradients();
  }
  training_state_.next_batch = at_.batch.index + 1;
}

namespace {

/// One batch of a validation, as processes tell each other of it.
struct ToldBatch {
  std::int64_t index = 0;
  torch::Tensor logits;  ///< float [N,K]
  std::vector<std::size_t> ids;
  std::vector<double> inputs;  ///< InputMeter::sums
};

template <class T>
void append_bytes(std::string& text, const T* values, std::size_t count) {
  if (count > 0) text.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

template <class T>
void append_list(std::string& text, const std::vector<T>& values) {
  const std::size_t count = values.size();
  append_bytes(text, &count, 1);
  append_bytes(text, values.data(), count);
}

void append(std::string& text, const ToldBatch& batch) {
  const torch::Tensor logits = batch.logits.contiguous();
  const std::int64_t columns = logits.size(1);
  append_bytes(text, &batch.index, 1);
  append_bytes(text, &columns, 1);
  append_list(text, batch.ids);
  append_list(text, batch.inputs);
  append_bytes(text, logits.data_ptr<float>(), static_cast<std::size_t>(logits.numel()));
}

template <class T>
void take_bytes(std::string_view& text, T* values, std::size_t count) {
  if (count > 0) std::memcpy(values, text.data(), count * sizeof(T));
  text.remove_prefix(count * sizeof(T));
}

template <class T>
std::vector<T> take_list(std::string_view& text) {
  std::size_t count = 0;
  take_bytes(text, &count, 1);
  std::vector<T> values(count);
  take_bytes(text, values.data(), count);
  return values;
}

std::vector<ToldBatch> batches_in(std::string_view text) {
  std::vector<ToldBatch> batches;
  while (!text.empty()) {
    ToldBatch& batch = batches.emplace_back();
    std::int64_t columns = 0;
    take_bytes(text, &batch.index, 1);
    take_bytes(text, &columns, 1);
    batch.ids = take_list<std::size_t>(text);
    batch.inputs = take_list<double>(text);
    batch.logits = torch::empty({static_cast<std::int64_t>(batch.ids.size()), columns});
    take_bytes(text, batch.logits.data_ptr<float>(), static_cast<std::size_t>(batch.logits.numel()));
  }
  return batches;
}

/// What the processes tell each other at once.
struct ToldRound {
  std::vector<ToldBatch> batches;  ///< in the order of the pass
  Wishes wanted = {};              ///< by any of them
};

ToldRound told_by_all(collective::Group& group, const std::string& mine, const Wishes& wishes) {
  std::string said;
  append_bytes(said, wishes.data(), wishes.size());
  ToldRound all;
  for (const std::string& text : group.gather(said + mine)) {
    std::string_view rest = text;
    Wishes theirs;
    take_bytes(rest, theirs.data(), theirs.size());
    for (std::size_t i = 0; i < kWishes; ++i) all.wanted[i] = all.wanted[i] || theirs[i];
    for (ToldBatch& batch : batches_in(rest)) all.batches.push_back(std::move(batch));
  }
  std::sort(all.batches.begin(), all.batches.end(),
            [](const ToldBatch& a, const ToldBatch& b) { return a.index < b.index; });
  return all;
}

/// How many batches of each process go by before they tell each other.
constexpr std::int64_t kRound = 16;

}  // namespace

/// Batches are those of a micro-batch's size, whoever computes them, and their results are added in their order.
predict::PassSummary Learner::measure_together(const predict::BatchVisitor& visit, predict::InputMeter& inputs) {
  const auto threads = micro_batch_threads();
  const data::Loader& loader = *loaders_.valid;
  const std::int64_t most = (loader.total_batches() + group_->size() - 1) / group_->size();  // of one process
  std::string mine;
  std::int64_t told = 0;
  predict::PassSummary summary;
  double images_per_s = 0;
  const auto tell = [&] {
    told += kRound;
    ToldRound round = told_by_all(*group_, std::exchange(mine, {}), wishes());
    wanted_ = round.wanted;
    for (ToldBatch& batch : round.batches) {
      inputs.add(batch.inputs);
      predict::BatchOutput output;
      output.batch.ids = std::move(batch.ids);
      output.batch.index = batch.index;
      output.batch.targets = data::batch_targets(loader.dataset(), output.batch.ids).to(device_);
      output.logits = batch.logits.to(device_);
      output.images_per_s = images_per_s;
      ++summary.batches;
      summary.images += output.batch.size();
      visit(output);
    }
  };
  const auto note = [&](predict::BatchOutput& output) {
    while (output.batch.index >= told + kRound) tell();
    images_per_s = output.images_per_s * group_->size();
    predict::InputMeter meter;
    measure_inputs(output.batch.images, output.logits, meter);
    append(mine, {.index = output.batch.index * group_->size() + group_->rank(),
                  .logits = output.logits.to(torch::kCPU, torch::kFloat),
                  .ids = std::move(output.batch.ids),
                  .inputs = meter.sums()});
  };
  const predict::PassSummary own = predict::for_each_batch(*classifier_, loader, inference(), note);
  while (told < most) tell();
  summary.seconds = collective::from_first(*group_, own.seconds);
  summary.skipped = own.skipped;
  return summary;
}

void Learner::share_skipped() {
  if (group_->size() == 1) return;
  std::string mine;
  for (const data::SkippedImage& image : training_state_.skipped) {
    append_bytes(mine, &image.id, 1);
    append_list(mine, std::vector<char>(image.problem.begin(), image.problem.end()));
  }
  for (const std::string& text : group_->gather(mine)) {
    std::string_view rest = text;
    while (!rest.empty()) {
      data::SkippedImage image;
      take_bytes(rest, &image.id, 1);
      const std::vector<char> problem = take_list<char>(rest);
      image.problem.assign(problem.begin(), problem.end());
      note_skipped({&image, 1});
    }
  }
}

}  // namespace margay::train
