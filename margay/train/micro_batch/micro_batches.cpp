#include "margay/train/micro_batch/micro_batches.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include <torch/types.h>

#include "margay/core/random.h"
#include "margay/model/network_draws.h"
#include "margay/train/micro_batch/norm_statistics.h"

namespace margay::train {
namespace {

constexpr std::uint64_t kDrawStream = 4;
/// A batch norm cannot train on one image.
constexpr std::int64_t kLeastImages = 2;

std::uint64_t draw_key(const DrawPosition& at, std::int64_t micro_batch) {
  return core::Random{at.seed, static_cast<std::uint64_t>(at.pass), static_cast<std::uint64_t>(at.batch),
                      static_cast<std::uint64_t>(micro_batch), kDrawStream}
      .next();
}

/// The images [begin, begin + size) as a batch of their own. Where the batch has others they are copied, since fast
/// loops may depend on how memory is aligned.
data::Batch part_of(const data::Batch& batch, std::int64_t begin, std::int64_t size) {
  data::Batch part;
  part.index = batch.index;
  part.ids.assign(batch.ids.begin() + begin, batch.ids.begin() + begin + size);
  if (size == batch.size()) {
    part.images = batch.images;
    part.targets = batch.targets;
  } else if (size > 0) {
    part.images = batch.images.narrow(0, begin, size).clone();
    part.targets = batch.targets.narrow(0, begin, size).clone();
  }
  return part;
}

/// The micro-batches of this process; batches that the loader did not divide are one.
std::vector<MicroForward> parts_of(const data::Batch& batch, MicroRange own) {
  std::vector<std::int64_t> sizes = batch.micro_sizes;
  if (sizes.empty()) sizes = {batch.size()};
  sizes.resize(static_cast<std::size_t>(own.size()));  // a process without images got an empty batch
  std::vector<MicroForward> parts(sizes.size());
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    parts[i].batch = part_of(batch, begin, sizes[i]);
    begin += sizes[i];
  }
  return parts;
}

bool has_images(const MicroForward& part) { return part.batch.size() >= kLeastImages; }

MicroLoss loss_of(const MicroForward& part) {
  return has_images(part) ? MicroLoss{.images = part.batch.size(), .loss = part.value} : MicroLoss{};
}

/// On a GPU one micro-batch after another keeps it busy.
std::size_t count_lanes(const model::Classifier& classifier, MicroRange own, int threads, int threads_each) {
  if (!classifier.device().is_cpu()) return 1;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(threads / threads_each, 1, own.size()));
}

}  // namespace

MicroLoss loss_of_batch(const std::vector<MicroLoss>& losses) {
  MicroLoss batch;
  for (const MicroLoss& each : losses) {
    batch.images += each.images;
    batch.loss += each.loss * static_cast<double>(each.images);
  }
  if (batch.images > 0) batch.loss /= static_cast<double>(batch.images);
  return batch;
}

MicroBatches::MicroBatches(std::shared_ptr<model::Classifier> classifier, std::shared_ptr<collective::Group> group,
                           const MicroBatchOptions& options, int threads)
    : classifier_(std::move(classifier)),
      group_(std::move(group)),
      tree_(*options.micro_batches),
      own_(micro_ranges(*options.micro_batches, group_->size()).at(static_cast<std::size_t>(group_->rank()))),
      threads_(count_lanes(*classifier_, own_, threads, *options.micro_batch_threads), *options.micro_batch_threads),
      reduction_(std::make_unique<BackgroundReduction>(tensor_reduction(group_, tree_, options.reduce))),
      syncs_norms_(options.sync_batch_norm) {}

std::vector<model::Classifier*> MicroBatches::networks() {
  while (replicas_.size() + 1 < threads_.size()) replicas_.emplace_back(classifier_);
  std::vector<model::Classifier*> networks = {classifier_.get()};
  for (model::Replica& replica : replicas_) networks.push_back(&replica.follow());
  return networks;
}

void MicroBatches::begin_step() {
  if (step_) return;
  networks_ = networks();
  step_ = std::make_unique<GradientStep>(networks_, tree_, own_, *reduction_);
}

void MicroBatches::run(const data::Batch& batch, std::int64_t batch_size, const DrawPosition& at, bool completes_step,
                       const Calls& calls) {
  begin_step();
  std::vector<MicroForward> parts = parts_of(batch, own_);
  for (std::size_t first = 0; first < parts.size(); first += threads_.size()) {
    const std::size_t count = std::min(threads_.size(), parts.size() - first);
    std::vector<at::Tensor> statistics = forward(parts, first, count, at, calls);
    if (first + count == parts.size()) share(parts, calls);
    backward(parts, first, std::move(statistics), batch_size, completes_step && !syncs_norms_, calls);
  }
  if (!completes_step) return;
  if (syncs_norms_) step_->complete_waiting();
  end_step();
}

void MicroBatches::backward(std::vector<MicroForward>& parts, std::size_t first, std::vector<at::Tensor> statistics,
                            std::int64_t batch_size, bool sends_gradients, const Calls& calls) {
  const auto begin = std::chrono::steady_clock::now();
  const std::size_t count = statistics.size();
  if (sends_gradients) step_->begin_group(first, count);
  threads_.run(count, [&](std::size_t lane) {
    MicroForward& part = parts[first + lane];
    const auto backward_part = [&] {
      if (!has_images(part)) return;
      const double share = static_cast<double>(part.batch.size()) / static_cast<double>(batch_size);
      calls.scaled(share == 1 ? part.loss : part.loss * share).backward();
      part.loss.reset();
    };
    if (sends_gradients) {
      step_->complete(lane, std::move(statistics[lane]), backward_part);
    } else {
      step_->accumulate(lane, first + lane, std::move(statistics[lane]), backward_part);
    }
  });
  backward_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<at::Tensor> MicroBatches::forward(std::vector<MicroForward>& parts, std::size_t first, std::size_t count,
                                              const DrawPosition& at, const Calls& calls) {
  std::vector<at::Tensor> statistics(count);
  threads_.run(count, [&](std::size_t lane) {
    MicroForward& part = parts[first + lane];
    const NormStatistics norms(*networks_[lane]);
    if (has_images(part)) {
      const auto micro_batch = own_.begin + static_cast<std::int64_t>(first + lane);
      const model::DrawScope draws(draw_key(at, micro_batch), classifier_->device());
      calls.forward(*networks_[lane], part);
      part.value = part.loss.item<double>();
    }
    statistics[lane] = norms.of_part(has_images(part) ? part.batch.size() : 0);
  });
  return statistics;
}

void MicroBatches::complete_step() {
  if (!step_) return;
  step_->complete_waiting();
  end_step();
}

void MicroBatches::end_step() {
  step_->finish();
  step_.reset();
}

/// Numbers of other processes are 0 here, so that sums are the numbers themselves.
void MicroBatches::share(const std::vector<MicroForward>& own, const Calls& calls) {
  const auto micro_batches = static_cast<std::size_t>(tree_.micro_batches());
  std::vector<double> numbers(2 * micro_batches + kWishes);
  const std::span images(numbers.data(), micro_batches);
  const std::span losses(numbers.data() + micro_batches, micro_batches);
  const std::span wishes(numbers.data() + 2 * micro_batches, kWishes);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const MicroLoss loss = loss_of(own[i]);
    images[static_cast<std::size_t>(own_.begin) + i] = static_cast<double>(loss.images);
    losses[static_cast<std::size_t>(own_.begin) + i] = loss.loss;
  }
  const Wishes mine = calls.wishes();
  std::copy(mine.begin(), mine.end(), wishes.begin());
  group_->sum(numbers);
  std::vector<MicroLoss> all;
  for (std::size_t i = 0; i < micro_batches; ++i) all.push_back({static_cast<std::int64_t>(images[i]), losses[i]});
  Wishes wanted = {};
  for (std::size_t i = 0; i < kWishes; ++i) wanted[i] = wishes[i] > 0;
  calls.check(all, own, wanted);
}

}  // namespace margay::train
