#include "margay/data/loader/draft_queue.h"

#include <algorithm>
#include <utility>

namespace margay::data {
namespace {

constexpr std::size_t kWithTheConsumer = 2;  // the batch it works on, and the one that it is about to let go

}  // namespace

DraftQueue::DraftQueue(std::vector<PassRow> rows, const LoaderOptions& options, PixelShape shape,
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

std::optional<Job> DraftQueue::claim(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return stop.stop_requested() || is_all_claimed() || has_room(); });
  if (stop.stop_requested() || is_all_claimed()) return std::nullopt;
  try {
    return next_job();
  } catch (const std::exception&) {  // no memory for a batch; the consumer meets the same in help(), and can throw it
    return std::nullopt;
  }
}

std::optional<Job> DraftQueue::help() {
  std::unique_lock lock(mutex_);
  while (!is_next_ready()) {
    if (!is_all_claimed() && has_room()) return next_job();
    ready_.wait(lock);
  }
  return std::nullopt;
}

void DraftQueue::complete(const Job& job, std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  if (error && !job.draft->error) job.draft->error = std::move(error);
  ++job.draft->rows_done;
  if (job.draft->is_ready()) ready_.notify_one();
}

bool DraftQueue::is_ready() {
  const std::lock_guard lock(mutex_);
  return is_next_ready();
}

std::unique_ptr<Draft> DraftQueue::deliver() {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Draft> draft = std::move(drafts_.front());
  drafts_.pop_front();
  ++delivered_batches_;
  delivered_rows_ += draft->rows.size();
  room_.notify_all();
  return draft;
}

void DraftQueue::wake() {
  const std::lock_guard lock(mutex_);  // one between its test and its wait must not miss the call
  room_.notify_all();
}

Job DraftQueue::next_job() {
  const std::size_t row = claimed_rows_ % batch_size_;
  if (row == 0) drafts_.push_back(new_draft());
  ++claimed_rows_;
  return {drafts_.back().get(), row};
}

std::unique_ptr<Draft> DraftQueue::new_draft() {
  const auto first = rows_.begin() + static_cast<std::ptrdiff_t>(claimed_rows_);
  const std::size_t count = std::min(batch_size_, rows_.size() - claimed_rows_);
  auto draft = std::make_unique<Draft>();
  draft->batch = claimed_rows_ / batch_size_;
  draft->rows.assign(first, first + static_cast<std::ptrdiff_t>(count));
  draft->problems.resize(count);
  draft->draws.resize(has_items_ ? count : 0);
  draft->pixels = memory_.take(static_cast<std::int64_t>(count));
  return draft;
}

}  // namespace margay::data
