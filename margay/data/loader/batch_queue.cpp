#include "margay/data/loader/batch_queue.h"

#include <algorithm>
#include <utility>

#include <torch/types.h>

#include "margay/core/random.h"
#include "margay/data/transform/augment_batch.h"

namespace margay::data {
namespace {

constexpr std::size_t kWithTheConsumer = 2;  // the batch it works on, and the one that it is about to let go

}  // namespace

BatchQueue::BatchQueue(std::vector<PassRow> rows, const LoaderOptions& options, PixelShape shape,
                       std::size_t first_batch)
    : rows_(std::move(rows)),
      batch_size_(static_cast<std::size_t>(options.batch_size)),
      prefetch_(static_cast<std::size_t>(options.prefetch)),
      first_row_(std::min(first_batch * batch_size_, rows_.size())),
      delivered_rows_(first_row_),
      has_items_(shape.type == at::kByte),
      memory_(options.pin_memory, shape, prefetch_ + kWithTheConsumer),
      claimed_rows_(first_row_),
      delivered_batches_(first_batch) {}

std::optional<Job> BatchQueue::claim(const std::stop_token& stop) {
  while (true) {
    std::unique_lock lock(mutex_);
    if (stop.stop_requested() || is_all_claimed()) return std::nullopt;
    try {
      if (is_claimable()) return next_job();
    } catch (const std::exception&) {  // no memory for a batch; the consumer meets the same in help(), and can throw it
      is_short_of_memory_ = true;
    }
    const int seen = room_;
    lock.unlock();
    room_.wait(seen);
  }
}

void BatchQueue::tell_of_room() {
  ++room_;
  room_.notify_all();
}

std::optional<Job> BatchQueue::help(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto has_work = [&] { return !is_next_ready() && !is_all_claimed() && has_room(); };
  if (!has_work()) ready_.wait_for(lock, patience, [&] { return is_next_ready() || has_work(); });
  return has_work() ? std::optional(next_job()) : std::nullopt;
}

void BatchQueue::complete(const Job& job, std::exception_ptr error) {
  const auto note = [&] {
    const std::lock_guard lock(mutex_);
    PendingBatch& pending = *job.pending;
    if (error && !pending.error) pending.error = std::move(error);
    pending.is_done[job.row] = true;
    ++pending.rows_done;
    return pending.is_ready();
  };
  if (note()) ready_.notify_one();
}

bool BatchQueue::is_ready() {
  const std::lock_guard lock(mutex_);
  return is_next_ready();
}

std::shared_ptr<PendingBatch> BatchQueue::deliver() {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<PendingBatch> pending = std::move(pending_.front());
  pending_.pop_front();
  ++delivered_batches_;
  delivered_rows_ += pending->rows.size();
  is_short_of_memory_ = false;
  tell_of_room();
  return pending;
}

void BatchQueue::wake() {
  const std::lock_guard lock(mutex_);  // one between its test and its wait must not miss the call
  tell_of_room();
}

void BatchQueue::take_back() {
  const std::lock_guard lock(mutex_);
  std::deque<Job> unfilled;
  for (std::shared_ptr<PendingBatch>& pending : pending_) {
    const bool is_last =
        pending == pending_.back() && claimed_rows_ % batch_size_ != 0 && claimed_rows_ != rows_.size();
    const std::size_t claimed = is_last ? claimed_rows_ % batch_size_ : pending->rows.size();
    if (pending->rows_done == claimed) continue;
    pending = copy_of_what_is_done(*pending, claimed);
    for (std::size_t row = 0; row < claimed; ++row) {
      if (!pending->is_done[row]) unfilled.push_back({pending, row});
    }
  }
  taken_back_ = std::move(unfilled);
  tell_of_room();
}

Job BatchQueue::next_job() {
  if (!taken_back_.empty()) {
    Job job = std::move(taken_back_.front());
    taken_back_.pop_front();
    return job;
  }
  const std::size_t row = claimed_rows_ % batch_size_;
  if (row == 0) {
    pending_.push_back(new_pending_batch());
    if (std::exchange(is_short_of_memory_, false)) tell_of_room();
  }
  ++claimed_rows_;
  return {pending_.back(), row};
}

std::shared_ptr<PendingBatch> BatchQueue::new_pending_batch() {
  const auto first = rows_.begin() + static_cast<std::ptrdiff_t>(claimed_rows_);
  const std::size_t count = std::min(batch_size_, rows_.size() - claimed_rows_);
  auto pending = std::make_shared<PendingBatch>();
  pending->batch = claimed_rows_ / batch_size_;
  pending->rows.assign(first, first + static_cast<std::ptrdiff_t>(count));
  pending->problems.resize(count);
  pending->is_done.resize(count);
  pending->draws.resize(has_items_ ? count : 0);
  pending->pixels = memory_.take(static_cast<std::int64_t>(count));
  return pending;
}

/// The same batch in other memory. What is not done may be written at this moment, and is left out.
std::shared_ptr<PendingBatch> BatchQueue::copy_of_what_is_done(const PendingBatch& pending, std::size_t claimed) {
  auto copy = std::make_shared<PendingBatch>();
  copy->batch = pending.batch;
  copy->rows = pending.rows;
  copy->problems.resize(pending.rows.size());
  copy->draws.resize(pending.draws.size());
  copy->is_done = pending.is_done;
  copy->rows_done = pending.rows_done;
  copy->error = pending.error;
  copy->pixels = memory_.take(pending.pixels.size(0));
  for (std::size_t row = 0; row < claimed; ++row) {
    if (!pending.is_done[row]) continue;
    copy->problems[row] = pending.problems[row];
    if (has_items_) copy->draws[row] = pending.draws[row];
    copy->pixels[static_cast<std::int64_t>(row)].copy_(pending.pixels[static_cast<std::int64_t>(row)]);
  }
  return copy;
}

namespace {

constexpr std::uint64_t kMixStream = 3;

/// The rows that succeeded.
std::vector<std::int64_t> good_rows(const PendingBatch& pending) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < pending.rows.size(); ++row) {
    if (pending.problems[row].empty()) rows.push_back(static_cast<std::int64_t>(row));
  }
  return rows;
}

/// [N,H,W,3] of these rows.
torch::Tensor pixels_of(const PendingBatch& pending, const std::vector<std::int64_t>& rows) {
  if (rows.size() == pending.rows.size()) return pending.pixels;
  return pending.pixels.index_select(0, torch::tensor(rows, torch::kLong));
}

Mixed mixed_images(const torch::Tensor& images, const torch::Tensor& targets, const PassPlan& plan,
                   const core::Random& random) {
  const torch::Tensor one_hot = torch::one_hot(targets, plan.dataset->num_classes()).to(torch::kFloat);
  return mix(images, one_hot, plan.mix, random);
}

/// A micro-batch is mixed alone.
void mix_images(Batch& batch, const PassPlan& plan) {
  const std::uint64_t seed = plan.options.seed;
  const auto epoch = static_cast<std::uint64_t>(plan.epoch);
  const auto index = static_cast<std::uint64_t>(batch.index);
  if (batch.micro_sizes.empty()) {
    Mixed mixed = mixed_images(batch.images, batch.targets, plan, {seed, epoch, index, kMixStream});
    batch.images = std::move(mixed.images);
    batch.targets = std::move(mixed.targets);
    return;
  }
  std::vector<torch::Tensor> images;
  std::vector<torch::Tensor> targets;
  auto micro = static_cast<std::uint64_t>(plan.options.rank) * batch.micro_sizes.size();
  std::int64_t begin = 0;
  for (const std::int64_t size : batch.micro_sizes) {
    const core::Random random = {seed, epoch, index, kMixStream, micro++};
    if (size == 0) continue;
    Mixed mixed = mixed_images(batch.images.narrow(0, begin, size), batch.targets.narrow(0, begin, size), plan, random);
    begin += size;
    images.push_back(std::move(mixed.images));
    targets.push_back(std::move(mixed.targets));
  }
  batch.images = torch::cat(images);
  batch.targets = torch::cat(targets);
}

std::vector<std::int64_t> micro_sizes_of(const PendingBatch& pending, const std::vector<std::int64_t>& rows,
                                         const PassPlan& plan) {
  if (!plan.is_divided) return {};
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(num_micro_batches(plan.options) / plan.options.world));
  for (const std::int64_t row : rows) ++sizes[pending.rows[static_cast<std::size_t>(row)].micro];
  return sizes;
}

}  // namespace

Batch collate(PendingBatch&& pending, const PassPlan& plan) {
  const std::vector<std::int64_t> rows = good_rows(pending);
  Batch batch;
  batch.index = static_cast<std::int64_t>(pending.batch);
  for (const std::int64_t each : rows) {
    const auto row = static_cast<std::size_t>(each);
    batch.ids.push_back(pending.rows[row].id);
    if (!pending.draws.empty()) batch.draws.push_back(std::move(pending.draws[row]));
  }
  batch.micro_sizes = micro_sizes_of(pending, rows, plan);
  batch.images = pixels_of(pending, rows);
  if (pending.draws.empty()) batch.images = batch.images.permute({0, 3, 1, 2});
  batch.targets = batch_targets(*plan.dataset, batch.ids);
  return batch;
}

void finish(Batch& batch, const PassPlan& plan) {
  if (batch.ids.empty()) return;
  if (!batch.draws.empty()) {
    const Transforms& transforms = plan.pipeline.transforms();
    batch.images = augment_batch(batch.images, batch.draws, transforms.augment, transforms.normalization);
    batch.draws.clear();
  }
  if (plan.mix.method != MixMethod::kNone) mix_images(batch, plan);
}

}  // namespace margay::data
