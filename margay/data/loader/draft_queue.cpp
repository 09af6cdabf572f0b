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
  while (true) {
    room_.wait(lock, [&] { return stop.stop_requested() || is_all_claimed() || is_claimable(); });
    if (stop.stop_requested() || is_all_claimed()) return std::nullopt;
    try {
      return next_job();
    } catch (const std::exception&) {  // no memory for a batch; the consumer meets the same in help(), and can throw it
      is_short_of_memory_ = true;
    }
  }
}

std::optional<Job> DraftQueue::help(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto has_work = [&] { return !is_next_ready() && !is_all_claimed() && has_room(); };
  if (!has_work()) ready_.wait_for(lock, patience, [&] { return is_next_ready() || has_work(); });
  return has_work() ? std::optional(next_job()) : std::nullopt;
}

void DraftQueue::complete(const Job& job, std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  Draft& draft = *job.draft;
  if (error && !draft.error) draft.error = std::move(error);
  draft.is_done[job.row] = true;
  ++draft.rows_done;
  if (draft.is_ready()) ready_.notify_one();
}

bool DraftQueue::is_ready() {
  const std::lock_guard lock(mutex_);
  return is_next_ready();
}

std::shared_ptr<Draft> DraftQueue::deliver() {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Draft> draft = std::move(drafts_.front());
  drafts_.pop_front();
  ++delivered_batches_;
  delivered_rows_ += draft->rows.size();
  is_short_of_memory_ = false;
  room_.notify_all();
  return draft;
}

void DraftQueue::wake() {
  const std::lock_guard lock(mutex_);  // one between its test and its wait must not miss the call
  room_.notify_all();
}

void DraftQueue::take_back() {
  const std::lock_guard lock(mutex_);
  std::deque<Job> unfilled;
  for (std::shared_ptr<Draft>& draft : drafts_) {
    const bool is_last = draft == drafts_.back() && claimed_rows_ % batch_size_ != 0 && claimed_rows_ != rows_.size();
    const std::size_t claimed = is_last ? claimed_rows_ % batch_size_ : draft->rows.size();
    if (draft->rows_done == claimed) continue;
    draft = copy_of_what_is_done(*draft, claimed);
    for (std::size_t row = 0; row < claimed; ++row) {
      if (!draft->is_done[row]) unfilled.push_back({draft, row});
    }
  }
  taken_back_ = std::move(unfilled);
  room_.notify_all();
}

Job DraftQueue::next_job() {
  if (!taken_back_.empty()) {
    Job job = std::move(taken_back_.front());
    taken_back_.pop_front();
    return job;
  }
  const std::size_t row = claimed_rows_ % batch_size_;
  if (row == 0) {
    drafts_.push_back(new_draft());
    if (std::exchange(is_short_of_memory_, false)) room_.notify_all();
  }
  ++claimed_rows_;
  return {drafts_.back(), row};
}

std::shared_ptr<Draft> DraftQueue::new_draft() {
  const auto first = rows_.begin() + static_cast<std::ptrdiff_t>(claimed_rows_);
  const std::size_t count = std::min(batch_size_, rows_.size() - claimed_rows_);
  auto draft = std::make_shared<Draft>();
  draft->batch = claimed_rows_ / batch_size_;
  draft->rows.assign(first, first + static_cast<std::ptrdiff_t>(count));
  draft->problems.resize(count);
  draft->is_done.resize(count);
  draft->draws.resize(has_items_ ? count : 0);
  draft->pixels = memory_.take(static_cast<std::int64_t>(count));
  return draft;
}

/// The same batch in other memory. What is not done may be written at this moment, and is left out.
std::shared_ptr<Draft> DraftQueue::copy_of_what_is_done(const Draft& draft, std::size_t claimed) {
  auto copy = std::make_shared<Draft>();
  copy->batch = draft.batch;
  copy->rows = draft.rows;
  copy->problems.resize(draft.rows.size());
  copy->draws.resize(draft.draws.size());
  copy->is_done = draft.is_done;
  copy->rows_done = draft.rows_done;
  copy->error = draft.error;
  copy->pixels = memory_.take(draft.pixels.size(0));
  for (std::size_t row = 0; row < claimed; ++row) {
    if (!draft.is_done[row]) continue;
    copy->problems[row] = draft.problems[row];
    if (has_items_) copy->draws[row] = draft.draws[row];
    copy->pixels[static_cast<std::int64_t>(row)].copy_(draft.pixels[static_cast<std::int64_t>(row)]);
  }
  return copy;
}

}  // namespace margay::data
