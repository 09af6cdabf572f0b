#include "margay/data/loader/batch_queue.h"

#include <sys/resource.h>

#include <chrono>
#include <future>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/machine.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using namespace std::chrono_literals;

std::vector<PassRow> rows_up_to(std::size_t count) {
  std::vector<PassRow> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i] = {i, i};
  return rows;
}

/// Writes `value` into the row, as whoever fills it does.
void fill(const Job& job, float value) { job.pending->pixels[static_cast<std::int64_t>(job.row)].fill_(value); }

TEST(BatchQueue, HandsOutAnewWhatWasTakenBackAndIgnoresWhoHadIt) {
  BatchQueue queue(rows_up_to(5), {.batch_size = 3, .prefetch = 2}, {.side = 2}, 0);
  const std::stop_token never;
  const Job filled = *queue.claim(never);
  const Job stuck = *queue.claim(never);
  queue.complete(*queue.claim(never), nullptr);
  fill(filled, 1);
  queue.complete(filled, nullptr);
  const Job later = *queue.claim(never);  // the first of two in the next batch

  queue.take_back();
  fill(stuck, -1);
  queue.complete(stuck, std::make_exception_ptr(std::runtime_error("too late")));
  EXPECT_FALSE(queue.is_ready());
  const Job again = *queue.claim(never);
  EXPECT_EQ(again.row, stuck.row);
  EXPECT_NE(again.pending, stuck.pending);
  fill(again, 2);
  queue.complete(again, nullptr);
  ASSERT_TRUE(queue.is_ready());
  const std::shared_ptr<PendingBatch> first = queue.deliver();
  EXPECT_EQ(first->error, nullptr);
  EXPECT_TRUE(first->pixels[0].eq(1).all().item<bool>());
  EXPECT_TRUE(first->pixels[1].eq(2).all().item<bool>());

  EXPECT_EQ(queue.claim(never)->pending->rows[0].id, later.pending->rows[0].id);
  EXPECT_EQ(queue.claim(never)->row, 1U);
  EXPECT_FALSE(queue.claim(never)) << "all are handed out";
}

TEST(BatchQueue, TakesBackTwice) {
  BatchQueue queue(rows_up_to(2), {.batch_size = 2}, {.side = 2}, 0);
  const std::stop_token never;
  queue.claim(never);
  queue.claim(never);
  queue.take_back();
  queue.claim(never);
  queue.take_back();
  for (const std::size_t row : {0U, 1U}) {
    const Job job = *queue.claim(never);
    EXPECT_EQ(job.row, row);
    queue.complete(job, nullptr);
  }
  EXPECT_TRUE(queue.is_ready());
  EXPECT_FALSE(queue.claim(never));
}

TEST(BatchQueue, KeepsAWorkerThatMetAShortageOfMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer itself cannot live with a limit on addresses";
#endif
  BatchQueue queue(rows_up_to(2), {.batch_size = 1, .prefetch = 1}, {.side = 3000}, 0);  // 108 MB a batch
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  std::stop_source stop;
  auto worker = std::async(std::launch::async, [&] { return queue.claim(stop.get_token()); });
  // This thread took nothing yet, so the worker has the first row; the second needs room, then memory.
  const std::optional<Job> first = worker.get();
  ASSERT_TRUE(first);
  queue.complete(*first, nullptr);
  worker = std::async(std::launch::async, [&] { return queue.claim(stop.get_token()); });
  EXPECT_EQ(worker.wait_for(20ms), std::future_status::timeout) << "there is no room";
  const auto taken = core::parse_kb_line(testing_support::file_content("/proc/self/status"), "VmSize");
  const rlimit scarce = {*taken + (16U << 20), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &scarce), 0);
  const std::shared_ptr<PendingBatch> held = queue.deliver();
  const bool waits = worker.wait_for(50ms) == std::future_status::timeout;
  const bool is_told = [&] {
    try {
      queue.help(1ms);
      return false;
    } catch (const std::exception&) {
      return true;
    }
  }();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_TRUE(waits) << "the worker has left";
  EXPECT_TRUE(is_told) << "the consumer can throw it";
  const std::optional<Job> own = queue.help(1ms);
  ASSERT_TRUE(own);
  queue.complete(*own, nullptr);
  stop.request_stop();
  queue.wake();
  EXPECT_FALSE(worker.get());
}

TEST(BatchQueue, LetsAWorkerGoOnWhenMemoryIsThereAgain) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer itself cannot live with a limit on addresses";
#endif
  BatchQueue queue(rows_up_to(2), {.batch_size = 2, .prefetch = 1}, {.side = 3000}, 0);  // 216 MB a batch
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  std::stop_source stop;
  std::promise<void> started;
  auto worker = std::async(std::launch::async, [&] {
    started.get_future().wait();
    return queue.claim(stop.get_token());
  });
  const auto taken = core::parse_kb_line(testing_support::file_content("/proc/self/status"), "VmSize");
  const rlimit scarce = {*taken + (16U << 20), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &scarce), 0);
  started.set_value();
  const bool waits = worker.wait_for(50ms) == std::future_status::timeout;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_TRUE(waits) << "the worker has left";
  const std::optional<Job> own = queue.help(1ms);  // makes the batch
  ASSERT_TRUE(own);
  const std::optional<Job> others = worker.get();
  ASSERT_TRUE(others);
  EXPECT_EQ(others->row + own->row, 1U);
}

}  // namespace
}  // namespace margay::data
