#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/data/loader/batch.h"
#include "margay/data/loader/pass_plan.h"
#include "margay/data/transform/augment.h"

namespace margay::data {

/// A batch that is being filled. Different threads write different rows without a lock.
struct PendingBatch {
  std::size_t batch = 0;              ///< its position in the pass
  at::Tensor pixels;                  ///< float [N,H,W,3], or uint8 items of that shape
  std::vector<AugmentDraw> draws;     ///< [N] of the items, else empty
  std::vector<PassRow> rows;          ///< [N]
  std::vector<std::string> problems;  ///< [N], "" for a row that succeeded
  std::exception_ptr error;           ///< ends the pass
  std::vector<bool> is_done;          ///< [N], which rows are filled or given up
  std::size_t rows_done = 0;          ///< how many of them

  bool is_ready() const { return rows_done == rows.size(); }
};

/// One row to fill. It keeps the batch alive.
struct Job {
  std::shared_ptr<PendingBatch> pending;
  std::size_t row = 0;
};

/// Hands out the rows of a pass in order and collects them into batches, of which at most `prefetch` are ready or being
/// filled. Its lock is held for a few instructions per image, and threads that may be of idle priority make no system
/// call under it: one of them could lose the processor there for seconds, and the consumer would wait as long.
class BatchQueue {
 public:
  /// rows: those of the whole pass; the first `first_batch` batches are skipped. shape: the shape of a row.
  BatchQueue(std::vector<PassRow> rows, const LoaderOptions& options, PixelShape shape, std::size_t first_batch);

  /// Waits until there is room and memory, then returns the next row. Returns nothing when all rows are handed out or
  /// `stop` is requested.
  std::optional<Job> claim(const std::stop_token& stop);
  /// For the consumer, which helps while it waits: returns the next row if the oldest batch is not ready and there is
  /// room; otherwise waits until that batch is ready, a row is free, or `patience` is over. Returns nothing unless
  /// there is a row. Throws std::bad_alloc or LibTorch's error if there is no memory for another batch.
  std::optional<Job> help(std::chrono::milliseconds patience);
  /// Records that a row is filled; `error` ends the pass.
  void complete(const Job& job, std::exception_ptr error);
  /// Whether the oldest batch can be delivered at once.
  bool is_ready();
  /// The oldest batch. Call it only after help() or is_ready() has found it ready.
  std::shared_ptr<PendingBatch> deliver();
  /// Takes back the rows that other threads have not yet filled, and hands them out again before all others. A thread
  /// that still works on one writes into a discarded batch. For the consumer, while it has no row itself.
  void take_back();
  /// Wakes the threads that wait in claim(). Call it after requesting their stop.
  void wake();

  bool is_all_delivered() const { return delivered_rows_ == rows_.size(); }  // of the consumer alone
  /// The number of rows from `first_batch` on.
  std::size_t size() const { return rows_.size() - first_row_; }

 private:
  // These are called under the lock.
  bool is_all_claimed() const { return taken_back_.empty() && claimed_rows_ == rows_.size(); }
  bool has_room() const { return !taken_back_.empty() || claimed_rows_ / batch_size_ < delivered_batches_ + prefetch_; }
  bool needs_pending_batch() const { return taken_back_.empty() && claimed_rows_ % batch_size_ == 0; }
  bool is_claimable() const {
    return !is_all_claimed() && has_room() && !(needs_pending_batch() && is_short_of_memory_);
  }
  /// Wakes all who wait for room. Unlike a condition variable's it never waits for those woken before.
  void tell_of_room();
  bool is_next_ready() const { return !pending_.empty() && pending_.front()->is_ready(); }
  Job next_job();
  std::shared_ptr<PendingBatch> new_pending_batch();
  std::shared_ptr<PendingBatch> copy_of_what_is_done(const PendingBatch& pending, std::size_t claimed);

  const std::vector<PassRow> rows_;
  const std::size_t batch_size_;
  const std::size_t prefetch_;
  const std::size_t first_row_;
  std::size_t delivered_rows_;  ///< counted from the start of the pass, as are the two below

  std::mutex mutex_;
  std::atomic<int> room_ = 0;      ///< counts, under the lock: a batch was delivered, or the pass is over
  std::condition_variable ready_;  ///< a batch was completed
  std::deque<std::shared_ptr<PendingBatch>> pending_;
  std::deque<Job> taken_back_;  ///< in order, to be handed out anew
  const bool has_items_;        ///< uint8, with a draw for each
  PixelMemory memory_;
  std::size_t claimed_rows_;
  std::size_t delivered_batches_;
  bool is_short_of_memory_ = false;  ///< a worker got none for a batch; it waits until some is free, or others get it
};

/// Makes the final batch from a pending one whose rows are all filled: adds the targets and removes the rows that
/// failed, which copies the others. The batch is empty when every row failed.
Batch collate(PendingBatch&& pending, const PassPlan& plan);

/// Applies to a batch, on its device, what works on whole batches: the batch transform if the device augments, then
/// mixing if the plan asks for it.
void finish(Batch& batch, const PassPlan& plan);

}  // namespace margay::data
