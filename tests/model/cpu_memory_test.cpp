#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

std::size_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

TEST(CpuArena, ReusesWhatWasGivenBack) {
  CpuArena arena(256 * kMiB);
  void* first = arena.take(3 * kMiB);
  arena.give_back(first);
  EXPECT_EQ(arena.take(3 * kMiB), first);
  EXPECT_EQ(arena.stats().peak_in_use_bytes, 3 * kMiB);
}

TEST(CpuArena, JoinsNeighboursAndCutsBestFit) {
  CpuArena arena(256 * kMiB);
  void* a = arena.take(4 * kMiB);
  void* b = arena.take(4 * kMiB);
  void* wall = arena.take(kMiB);
  void* c = arena.take(5 * kMiB);
  arena.take(kMiB);
  arena.give_back(a);
  arena.give_back(c);
  arena.give_back(b);  // a and b are 8 MiB now
  EXPECT_EQ(arena.take(5 * kMiB), c);
  EXPECT_EQ(arena.take(8 * kMiB), a);
  EXPECT_EQ(address(wall) - address(a), 8 * kMiB);
}

TEST(CpuArena, GrowsByWhatTheLastFreeBlockLacks) {
  CpuArena arena(256 * kMiB);
  void* a = arena.take(4 * kMiB);
  arena.give_back(a);
  EXPECT_EQ(arena.take(6 * kMiB), a);
}

TEST(CpuArena, AlignsBlocksToPages) {
  CpuArena arena(256 * kMiB);
  for (const std::size_t bytes : {std::size_t{1}, kMiB + 1, 3 * kMiB - 7})
    EXPECT_EQ(address(arena.take(bytes)) % 4096, 0U);
}

TEST(CpuArena, SaysWhenItIsFull) {
  CpuArena arena(64 * kMiB);
  void* most = arena.take(60 * kMiB);
  EXPECT_EQ(arena.take(5 * kMiB), nullptr);
  EXPECT_EQ(arena.take(SIZE_MAX), nullptr);
  arena.give_back(most);
  EXPECT_NE(arena.take(64 * kMiB), nullptr);
}

TEST(CpuArena, RefusesBlocksThatAreNotIts) {
  CpuArena arena(64 * kMiB);
  int other = 0;
  EXPECT_FALSE(arena.owns(&other));
  auto* block = static_cast<std::byte*>(arena.take(kMiB));
  EXPECT_TRUE(arena.owns(block + kMiB - 1));
  EXPECT_THROW(arena.give_back(block + 4096), core::InternalError);
  arena.give_back(block);
  EXPECT_THROW(arena.give_back(block), core::InternalError);
}

TEST(CpuArena, TrimmingReturnsFreePagesOnly) {
  CpuArena arena(256 * kMiB);
  void* kept = arena.take(8 * kMiB);
  void* freed = arena.take(8 * kMiB);
  std::memset(kept, 1, 8 * kMiB);
  std::memset(freed, 1, 8 * kMiB);
  arena.give_back(freed);
  EXPECT_EQ(arena.stats().resident_bytes, 16 * kMiB);
  arena.trim();
  EXPECT_EQ(arena.stats().resident_bytes, 8 * kMiB);
  EXPECT_EQ(static_cast<char*>(kept)[8 * kMiB - 1], 1);
}

/// Blocks in use, each filled with a byte of its own, must never share memory.
TEST(CpuArena, KeepsManyBlocksApart) {
  CpuArena arena(512 * kMiB);
  core::Random random{3};
  struct Block {
    unsigned char* begin;
    std::size_t size;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  for (int round = 0; round < 3000; ++round) {
    if (blocks.size() < 40 && random.chance(0.55)) {
      const std::size_t size = 1 + random.below(64 * 1024);
      auto* begin = static_cast<unsigned char*>(arena.take(size));
      blocks.push_back({begin, size, static_cast<unsigned char>(round)});
      std::memset(begin, blocks.back().mark, size);
    } else if (!blocks.empty()) {
      std::swap(blocks[random.below(blocks.size())], blocks.back());
      const Block& last = blocks.back();
      ASSERT_EQ(last.begin[0], last.mark);
      ASSERT_EQ(last.begin[last.size - 1], last.mark);
      arena.give_back(last.begin);
      blocks.pop_back();
    }
  }
  for (const Block& each : blocks) arena.give_back(each.begin);
  EXPECT_EQ(arena.stats().in_use_bytes, 0U);
  EXPECT_NE(arena.take(512 * kMiB), nullptr);  // everything has been joined again
}

/// Ends the process; what a process has set cannot be taken back.
[[noreturn]] void exit_unless(bool holds) { std::_Exit(holds ? 0 : 1); }

TEST(CpuAllocatorDeathTest, KeepsMemoryAlsoWhereItIsAskedToWhileMemoryIsCounted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto keep_within_a_count = [] {
    bool holds = true;
    torch::Tensor from_before;
    {
      const LiveMemory memory;
      from_before = torch::empty({kMiB});
      keep_cpu_memory();
      const torch::Tensor kept = torch::empty({kMiB});
      holds = cpu_memory_stats().in_use_bytes == 4 * kMiB && memory.bytes() == 8 * kMiB;
    }
    const torch::Tensor kept = torch::empty({kMiB});
    holds = holds && cpu_memory_stats().in_use_bytes == 4 * kMiB;
    {
      const LiveMemory again;
      from_before = torch::Tensor();
      const torch::Tensor counted = torch::empty({kMiB});
      holds = holds && again.bytes() == 4 * kMiB && cpu_memory_stats().in_use_bytes == 8 * kMiB;
    }
    exit_unless(holds);
  };
  EXPECT_EXIT(keep_within_a_count(), testing::ExitedWithCode(0), "");
}

/// An allocator of the program that uses Margay.
class ProgramsAllocator : public compat::CpuAllocator {
 public:
  at::DataPtr take(std::size_t bytes) const override {
    void* data = c10::alloc_cpu(bytes);
    return {data, data, &c10::free_cpu, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &c10::free_cpu; }
};

TEST(CpuAllocatorDeathTest, LeavesTheProgramsOwnInPlace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto own_after_a_count = [] {
    static ProgramsAllocator own;
    c10::SetAllocator(at::kCPU, &own, 1);
    { const LiveMemory memory; }
    exit_unless(c10::GetAllocator(at::kCPU) == &own);
  };
  EXPECT_EXIT(own_after_a_count(), testing::ExitedWithCode(0), "");
  const auto own_of_higher_priority = [] {
    static ProgramsAllocator own;
    c10::SetAllocator(at::kCPU, &own, 2);
    int refused = 0;
    try {
      const LiveMemory memory;
    } catch (const core::Error&) {
      ++refused;
    }
    try {
      keep_cpu_memory();
    } catch (const core::Error&) {
      ++refused;
    }
    exit_unless(refused == 2 && c10::GetAllocator(at::kCPU) == &own);
  };
  EXPECT_EXIT(own_of_higher_priority(), testing::ExitedWithCode(0), "");
}

TEST(KeepCpuMemory, ServesBigTensorsAndReusesTheirMemory) {
  const torch::Tensor before = torch::ones({4 * 1024 * 1024});
  keep_cpu_memory();
  keep_cpu_memory();
  const std::size_t in_use = cpu_memory_stats().in_use_bytes;
  torch::Tensor big = torch::ones({1024 * 1024});
  const void* where = big.data_ptr();
  EXPECT_EQ(cpu_memory_stats().in_use_bytes, in_use + 4 * kMiB);
  big.resize_({2});  // keeps its storage
  big = torch::Tensor();
  EXPECT_EQ(cpu_memory_stats().in_use_bytes, in_use);
  const torch::Tensor again = torch::zeros({1024 * 1024});
  EXPECT_EQ(again.data_ptr(), where);
  EXPECT_EQ(again.sum().item<float>(), 0);
  EXPECT_EQ(before.sum().item<float>(), 4 * 1024 * 1024);
}

TEST(KeepCpuMemory, LeavesSmallTensorsToTheSystem) {
  keep_cpu_memory();
  const std::size_t in_use = cpu_memory_stats().in_use_bytes;
  const torch::Tensor small = torch::ones({1000});
  EXPECT_EQ(cpu_memory_stats().in_use_bytes, in_use);
  EXPECT_EQ(torch::empty({0}).numel(), 0);
}

TEST(KeepCpuMemory, WorksFromManyThreads) {
  keep_cpu_memory();
  const std::size_t in_use = cpu_memory_stats().in_use_bytes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 50; ++i) {
        const torch::Tensor x = torch::full({300 * 1024 + t}, t, torch::kFloat);
        EXPECT_EQ(x[300 * 1024 - 1].item<float>(), static_cast<float>(t));
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(cpu_memory_stats().in_use_bytes, in_use);
}

TEST(KeepCpuMemory, CanBeTrimmed) {
  keep_cpu_memory();
  torch::ones({16 * 1024 * 1024});
  trim_cpu_memory();
  const CpuMemoryStats stats = cpu_memory_stats();
  EXPECT_LE(stats.resident_bytes, stats.in_use_bytes + 2 * kMiB);
  EXPECT_GE(stats.peak_in_use_bytes, 64 * kMiB);
}

}  // namespace

}  // namespace margay::model
