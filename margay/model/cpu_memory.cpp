#include "margay/model/cpu_memory.h"

#include <atomic>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <unistd.h>

#include "margay/model/cpu_arena.h"
#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

constexpr std::size_t kBigBlock = std::size_t{1} << 20U;

/// Twice the memory there is, so that scattered blocks do not use up the addresses first.
std::size_t range_bytes() {
  const auto pages = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES));
  return 2 * pages * static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
}

/// Set once; never destroyed, since tensors in static variables may outlive everything.
std::atomic<CpuArena*> the_arena{nullptr};

void release(void* data) {
  CpuArena* arena = the_arena.load(std::memory_order_relaxed);
  arena->owns(data) ? arena->give_back(data) : c10::free_cpu(data);
}

/// Big tensors from the arena; small ones, and those that it has no room for, from LibTorch's own allocator.
class KeepingAllocator : public compat::CpuAllocator {
 public:
  explicit KeepingAllocator(CpuArena& arena) : arena_(arena) {}

  at::DataPtr take(std::size_t bytes) const override {
    void* data = bytes >= kBigBlock ? arena_.take(bytes) : nullptr;
    if (data == nullptr) data = c10::alloc_cpu(bytes);
    return {data, data, &release, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }

 private:
  CpuArena& arena_;
};

}  // namespace

void keep_cpu_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    the_arena = new CpuArena(range_bytes());
    c10::SetAllocator(at::kCPU, new KeepingAllocator(*the_arena), /*priority=*/1);
  });
}

CpuMemoryStats cpu_memory_stats() {
  const CpuArena* arena = the_arena.load();
  return arena == nullptr ? CpuMemoryStats{} : arena->stats();
}

void reset_cpu_memory_peak() {
  CpuArena* arena = the_arena.load();
  if (arena != nullptr) arena->reset_peak();
}

void trim_cpu_memory() {
  CpuArena* arena = the_arena.load();
  if (arena != nullptr) arena->trim();
}

}  // namespace margay::model
