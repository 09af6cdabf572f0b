#include "margay/model/cpu_memory.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/model/cpu_arena.h"
#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

constexpr std::size_t kBigBlock = std::size_t{1} << 20U;
constexpr std::uint8_t kAllocatorPriority = 1;  // LibTorch's own has 0

/// Twice the memory there is, so that scattered blocks do not use up the addresses first.
std::size_t range_bytes() {
  const auto pages = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES));
  return 2 * pages * static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
}

/// The one allocator that Margay sets, for keeping and for counting alike: of several at one priority the last one
/// would silently replace the others. It lives for ever, since tensors in static variables may outlive everything.
class MargayAllocator : public compat::CpuAllocator {
 public:
  static MargayAllocator& instance() {
    static auto* const allocator = new MargayAllocator;
    return *allocator;
  }

  void keep() {
    const std::lock_guard lock(setting_);
    if (arena() != nullptr) return;
    set();
    arena_ = new CpuArena(range_bytes());
  }

  void begin_count() {
    const std::lock_guard lock(setting_);
    MARGAY_CHECK(!is_counting_, "two LiveMemory at once");
    set();
    const std::lock_guard counting(counting_);
    bytes_ = peak_ = 0;
    blocks_.clear();
    is_counting_ = true;
  }
  void end_count() {
    const std::lock_guard lock(setting_);
    is_counting_ = false;
    const bool is_needed = arena() != nullptr || c10::GetAllocator(at::kCPU) != this;
    if (!is_needed) c10::SetAllocator(at::kCPU, before_, kAllocatorPriority);
  }
  std::size_t bytes() const {
    const std::lock_guard lock(counting_);
    return bytes_;
  }
  std::size_t peak() const {
    const std::lock_guard lock(counting_);
    return peak_;
  }

  /// Null before keep().
  CpuArena* arena() const { return arena_.load(std::memory_order_acquire); }

  /// Big tensors from the arena; small ones, and those that it has no room for, as LibTorch takes them.
  at::DataPtr take(std::size_t bytes) const override {
    void* data = arena() != nullptr && bytes >= kBigBlock ? arena()->take(bytes) : nullptr;
    if (data == nullptr) data = c10::alloc_cpu(bytes);
    at::DataPtr block{data, data, &release, at::Device(at::kCPU)};
    if (is_counting_ && data != nullptr) note(data, bytes);
    return block;
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }

 private:
  void set() {
    at::Allocator* current = c10::GetAllocator(at::kCPU);
    if (current == this) return;
    before_ = current;
    c10::SetAllocator(at::kCPU, this, kAllocatorPriority);
    if (c10::GetAllocator(at::kCPU) == this) return;
    throw core::Error(
        "[cpu_memory] this program has set a CPU allocator of a higher priority, which Margay cannot "
        "replace");
  }

  void note(void* block, std::size_t bytes) const {
    const std::lock_guard lock(counting_);
    blocks_[block] = bytes;
    bytes_ += bytes;
    peak_ = std::max(peak_, bytes_);
  }

  void forget(void* block) const {
    const std::lock_guard lock(counting_);
    const auto found = blocks_.find(block);
    if (found == blocks_.end()) return;  // from before this count
    bytes_ -= found->second;
    blocks_.erase(found);
  }

  static void release(void* data) {
    const MargayAllocator& self = instance();
    if (self.is_counting_) self.forget(data);
    CpuArena* arena = self.arena();
    arena != nullptr && arena->owns(data) ? arena->give_back(data) : c10::free_cpu(data);
  }

  std::mutex setting_;
  at::Allocator* before_ = nullptr;
  std::atomic<CpuArena*> arena_{nullptr};
  std::atomic<bool> is_counting_{false};
  mutable std::mutex counting_;  ///< guards what follows
  mutable std::unordered_map<void*, std::size_t> blocks_;
  mutable std::size_t bytes_ = 0;
  mutable std::size_t peak_ = 0;
};

}  // namespace

void keep_cpu_memory() { MargayAllocator::instance().keep(); }

CpuMemoryStats cpu_memory_stats() {
  const CpuArena* arena = MargayAllocator::instance().arena();
  return arena == nullptr ? CpuMemoryStats{} : arena->stats();
}

void reset_cpu_memory_peak() {
  CpuArena* arena = MargayAllocator::instance().arena();
  if (arena != nullptr) arena->reset_peak();
}

void trim_cpu_memory() {
  CpuArena* arena = MargayAllocator::instance().arena();
  if (arena != nullptr) arena->trim();
}

LiveMemory::LiveMemory() { MargayAllocator::instance().begin_count(); }
LiveMemory::~LiveMemory() { MargayAllocator::instance().end_count(); }
std::size_t LiveMemory::bytes() const { return MargayAllocator::instance().bytes(); }
std::size_t LiveMemory::peak_bytes() const { return MargayAllocator::instance().peak(); }

}  // namespace margay::model
