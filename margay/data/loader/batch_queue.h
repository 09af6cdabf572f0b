#pragma once

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

/// A batch in the making. Rows are written by different threads without a lock.
struct PendingBatch {
  std::size_t batch = 0;              ///< its place in the pass
  at::Tensor pixels;                  ///< float [N,H,W,3], or uint8 items of that shape
  std::vector<AugmentDraw> draws;     ///< [N] of the items, else empty
  std::vector<PassRow> rows;          ///< [N]
  std::vector<std::string> problems;  ///< [N], "" for a row that succeeded
  std::exception_ptr error;           ///< ends the pass
  std::vector<bool> is_done;          ///< [N], which rows are filled or given up
  std::size_t rows_done = 0;          ///< how many of them

  bool is_ready() const { return rows_done == rows.size(); }
};

/// One row to fill. Whoever has it keeps the batch alive.
struct Job {
  std::shared_ptr<PendingBatch> pending;
  std::size_t row = 0;
};

/// Hands out the rows of a pass in order and gathers them into batches, of which `prefetch` at most are ready or in the
/// making. Its lock is held for a few instructions per image.
class BatchQueue {
 public:
  /// rows: those of the whole pass; the first `first_batch` batches are left out. shape: of a row.
  BatchQueue(std::vector<PassRow> rows, const LoaderOptions& options, PixelShape shape, std::size_t first_batch);

  /// The next row, when there is room and memory for it; nothing when all are handed out or `stop` is requested.
  std::optional<Job> claim(const std::stop_token& stop);
  /// The next row if the oldest batch is not ready and there is room; else waits until that batch is ready, there is
  /// something to do, or `patience` is over. Returns nothing unless there is something to do. For the consumer, which
  /// works while it must wait. Throws std::bad_alloc or LibTorch's error without memory for another batch.
  std::optional<Job> help(std::chrono::milliseconds patience);
  /// Notes that a row is filled; `error` ends the pass.
  void complete(const Job& job, std::exception_ptr error);
  /// Whether the oldest batch can be delivered at once.
  bool is_ready();
  /// The oldest batch, which help() or is_ready() found ready.
  std::shared_ptr<PendingBatch> deliver();
  /// Takes back the rows that others were given and have not filled, and hands them out anew before all others. Whoever
  /// still works on one writes into a batch that nobody will see. For the consumer, while it has no row itself.
  void take_back();
  /// Wakes those who wait in claim(), to be called after their stop was requested.
  void wake();

  bool is_all_delivered() const { return delivered_rows_ == rows_.size(); }  // of the consumer alone
  /// Rows of the pass from its first batch on.
  std::size_t size() const { return rows_.size() - first_row_; }

 private:
  // These are called under the lock.
  bool is_all_claimed() const { return taken_back_.empty() && claimed_rows_ == rows_.size(); }
  bool has_room() const { return !taken_back_.empty() || claimed_rows_ / batch_size_ < delivered_batches_ + prefetch_; }
  bool needs_pending_batch() const { return taken_back_.empty() && claimed_rows_ % batch_size_ == 0; }
  bool is_claimable() const {
    return !is_all_claimed() && has_room() && !(needs_pending_batch() && is_short_of_memory_);
  }
  bool is_next_ready() const { return !pending_.empty() && pending_.front()->is_ready(); }
  Job next_job();
  std::shared_ptr<PendingBatch> new_pending_batch();
  std::shared_ptr<PendingBatch> copy_of_what_is_done(const PendingBatch& pending, std::size_t claimed);

  const std::vector<PassRow> rows_;
  const std::size_t batch_size_;
  const std::size_t prefetch_;
  const std::size_t first_row_;
  std::size_t delivered_rows_;  ///< counted from the pass's beginning, as the two below

  std::mutex mutex_;
  std::condition_variable room_;   ///< a batch was delivered, or the pass is over
  std::condition_variable ready_;  ///< a batch was completed
  std::deque<std::shared_ptr<PendingBatch>> pending_;
  std::deque<Job> taken_back_;  ///< in order, to be handed out anew
  const bool has_items_;        ///< uint8, with a draw for each
  PixelMemory memory_;
  std::size_t claimed_rows_;
  std::size_t delivered_batches_;
  bool is_short_of_memory_ = false;  ///< a worker got none for a batch; it waits until some is free, or others get it
};

/// Makes the batch of a pending one whose rows are all filled: without the rows that failed, which costs a copy of the
/// others, and with its targets. The batch is empty when every row failed.
Batch collate(PendingBatch&& pending, const PassPlan& plan);

/// Does with a batch, on the device where it is, what goes on whole batches: the batch transform where it was left to
/// the device, then mixing where the plan says so.
void finish(Batch& batch, const PassPlan& plan);

}  // namespace margay::data
