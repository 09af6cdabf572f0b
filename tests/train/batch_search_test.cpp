#include "margay/train/batch_size/batch_search.h"

#include <cstdint>
#include <functional>
#include <new>
#include <stdexcept>
#include <vector>

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

/// 50 MB, and 2 MB for each image.
std::uint64_t line(std::int64_t batch) { return 50'000'000 + 2'000'000 * static_cast<std::uint64_t>(batch); }

template <class Error>
BatchProbe fails_beyond(std::int64_t most) {
  return [most](std::int64_t batch) -> std::uint64_t {
    if (batch > most) throw Error();
    return 0;
  };
}

TEST(BatchSearch, FindsTheLargestMultipleOfEightThatFits) {
  for (std::int64_t batch = 8; batch <= 1024; batch += 8) {
    const auto limit_mb = static_cast<std::int64_t>(line(batch) / 1'000'000);
    EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = limit_mb, .safety = 1}), batch);
    EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = limit_mb + 15, .safety = 1}), batch);
  }
}

TEST(BatchSearch, UsesTheSafeShareOfTheMemory) {
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 1000, .safety = 0.5}), 224);  // 498 of 500 MB
}

TEST(BatchSearch, StopsAtTheLargest) {
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 100'000, .largest = 100}), 96);
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 100'000, .largest = 8}), 8);
  EXPECT_EQ(find_batch_size(line, {}), 1024);
}

TEST(BatchSearch, TakesFourOrTwoWhereEightAreTooMany) {
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 60, .safety = 1}), 4);
  EXPECT_EQ(find_batch_size(line, {.memory_limit_mb = 54, .safety = 1}), 2);
}

TEST(BatchSearch, SaysWhenNotEvenTwoFit) {
  EXPECT_EQ(thrown_message<core::Error>([] { find_batch_size(line, {.memory_limit_mb = 50}); }),
            "two images need 54 MB, and 45 MB may be used; use smaller images or another network");
  EXPECT_EQ(thrown_message<core::Error>([] { find_batch_size(fails_beyond<std::bad_alloc>(1), {}); }),
            "not even two images fit into memory; use smaller images or another network");
}

TEST(BatchSearch, TakesTheSafeShareOfWhatRunsOutOfMemory) {
  EXPECT_EQ(find_batch_size(fails_beyond<std::bad_alloc>(200), {.safety = 1}), 200);
  EXPECT_EQ(find_batch_size(fails_beyond<std::bad_alloc>(200), {.safety = 0.9}), 176);
  EXPECT_EQ(find_batch_size(fails_beyond<std::bad_alloc>(9), {.safety = 0.5}), 8);
}

TEST(BatchSearch, KnowsLibTorchsErrorsOfMemory) {
  const auto throwing = [](auto fail) {
    return [fail](std::int64_t batch) -> std::uint64_t {
      if (batch > 64) fail();
      return 0;
    };
  };
  const auto typed = throwing([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "no room"); });
  const auto cuda = throwing([] { TORCH_CHECK(false, "CUDA error: out of memory"); });
  const auto cpu = throwing([] { TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory"); });
  for (const BatchProbe& probe : {BatchProbe(typed), BatchProbe(cuda), BatchProbe(cpu)}) {
    EXPECT_EQ(find_batch_size(probe, {.safety = 1}), 64);
  }
}

TEST(BatchSearch, PassesOtherErrorsOn) {
  EXPECT_THROW(find_batch_size(fails_beyond<std::bad_function_call>(16), {}), std::bad_function_call);
  const auto other = [](std::int64_t) -> std::uint64_t { TORCH_CHECK(false, "wrong shape"); };
  EXPECT_THROW(find_batch_size(other, {}), c10::Error);
}

TEST(BatchSearch, AsksSeldom) {
  std::vector<std::int64_t> asked;
  const auto probe = [&](std::int64_t batch) {
    asked.push_back(batch);
    return line(batch);
  };
  EXPECT_EQ(find_batch_size(probe, {.memory_limit_mb = 300, .safety = 1}), 120);
  EXPECT_EQ(asked, (std::vector<std::int64_t>{8, 16, 32, 64, 128, 96, 112, 120}));
}

TEST(BatchSearch, RefusesOptionsOutsideTheirRange) {
  EXPECT_THROW(find_batch_size(line, {.largest = 4}), std::invalid_argument);
  EXPECT_THROW(find_batch_size(line, {.safety = 1.5}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
