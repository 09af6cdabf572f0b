#pragma once

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

#include "margay/data/loader/pass_order.h"
#include "margay/data/loader/pixel_memory.h"
#include "margay/data/transform/augment_draw.h"

namespace margay::data {

/// A batch in the making. Rows are written by different threads without a lock.
struct Draft {
  std::size_t batch = 0;              ///< its place in the pass
  at::Tensor pixels;                  ///< float [N,H,W,3], or uint8 items of that shape
  std::vector<AugmentDraw> draws;     ///< [N] of the items, else empty
  std::vector<PassRow> rows;          ///< [N]
  std::vector<std::string> problems;  ///< [N], "" for a row that succeeded
  std::exception_ptr error;           ///< ends the pass
  std::size_t rows_done = 0;

  bool is_ready() const { return rows_done == rows.size(); }
};

/// One row to fill.
struct Job {
  Draft* draft;
  std::size_t row;
};

/// Hands out the rows of a pass in order and gathers them into batches, of which `prefetch` at most are ready or in the
/// making. Its lock is held for a few instructions per picture.
class DraftQueue {
 public:
  /// rows: those of the whole pass; the first `first_batch` batches are left out. shape: of a row.
  DraftQueue(std::vector<PassRow> rows, const LoaderOptions& options, PixelShape shape, std::size_t first_batch);

  /// The next row, when there is room for it; nothing when all are handed out, `stop` is requested, or there is no
  /// memory for another batch.
  std::optional<Job> claim(const std::stop_token& stop);
  /// The next row if the oldest batch is not ready and there is room; else waits until that batch is ready or there is
  /// something to do, and returns nothing when it is ready. For the consumer, which works while it must wait.
  std::optional<Job> help();
  /// Notes that a row is filled; `error` ends the pass.
  void complete(const Job& job, std::exception_ptr error);
  /// Whether the oldest batch can be delivered at once.
  bool is_ready();
  /// The oldest batch, which help() or is_ready() found ready.
  std::unique_ptr<Draft> deliver();
  /// Wakes those who wait in claim(), to be called after their stop was requested.
  void wake();

  bool is_all_delivered() const { return delivered_rows_ == rows_.size(); }  // of the consumer alone
  /// Rows of the pass from its first batch on.
  std::size_t size() const { return rows_.size() - first_row_; }

 private:
  // These are called under the lock.
  bool is_all_claimed() const { return claimed_rows_ == rows_.size(); }
  bool has_room() const { return claimed_rows_ / batch_size_ < delivered_batches_ + prefetch_; }
  bool is_next_ready() const { return !drafts_.empty() && drafts_.front()->is_ready(); }
  Job next_job();
  std::unique_ptr<Draft> new_draft();

  const std::vector<PassRow> rows_;
  const std::size_t batch_size_;
  const std::size_t prefetch_;
  const std::size_t first_row_;
  std::size_t delivered_rows_;  ///< counted from the pass's beginning, as the two below

  std::mutex mutex_;
  std::condition_variable room_;   ///< a draft was delivered, or the pass is over
  std::condition_variable ready_;  ///< a draft was completed
  std::deque<std::unique_ptr<Draft>> drafts_;
  const bool has_items_;  ///< uint8, with a draw for each
  PixelMemory memory_;
  std::size_t claimed_rows_;
  std::size_t delivered_batches_;
};

}  // namespace margay::data
