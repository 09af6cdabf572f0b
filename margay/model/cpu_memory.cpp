#include "margay/model/cpu_memory.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "margay/core/error.h"
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

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20U;
constexpr std::size_t kSmallestRange = std::size_t{64} << 20U;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Addresses without memory behind them; null if the system (ulimit -v, strict overcommit) refuses.
std::byte* map_range(std::size_t bytes) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* range = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  return range == MAP_FAILED ? nullptr : static_cast<std::byte*>(range);
}

std::size_t resident_bytes(std::byte* begin, std::size_t bytes) {
  std::vector<unsigned char> pages(bytes / kPage);
  if (bytes == 0 || ::mincore(begin, bytes, pages.data()) != 0) return 0;
  const auto resident = std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1U) != 0; });
  return static_cast<std::size_t>(resident) * kPage;
}

}  // namespace

CpuArena::CpuArena(std::size_t range_bytes) {
  for (std::size_t bytes = round_up(range_bytes, kHugePage); bytes >= kSmallestRange && begin_ == nullptr; bytes /= 2) {
    range_ = bytes / kPage * kPage;
    begin_ = map_range(range_);
  }
  if (begin_ == nullptr) range_ = 0;
  if (begin_ != nullptr) ::madvise(begin_, range_, MADV_HUGEPAGE);  // a wish; without it blocks are only slower
}

CpuArena::~CpuArena() {
  if (begin_ != nullptr) ::munmap(begin_, range_);
}

void* CpuArena::take(std::size_t bytes) {
  if (bytes > range_) return nullptr;
  const std::size_t size = round_up(bytes, kPage);
  const std::lock_guard lock(mutex_);
  auto fit = free_by_size_.lower_bound({size, 0});
  if (fit == free_by_size_.end()) {
    if (!grow_for(size)) return nullptr;
    fit = free_by_size_.lower_bound({size, 0});
  }
  const auto [found, offset] = *fit;
  remove_free(free_.find(offset));
  if (found > size) insert_free(offset + size, found - size);
  used_[offset] = size;
  in_use_ += size;
  peak_in_use_ = std::max(peak_in_use_, in_use_);
  return begin_ + offset;
}

void CpuArena::give_back(void* block) {
  const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(block) - begin_);
  const std::lock_guard lock(mutex_);
  const auto used = used_.find(offset);
  MARGAY_CHECK(used != used_.end(), "a block was returned that is not in use");
  const std::size_t size = used->second;
  used_.erase(used);
  in_use_ -= size;
  insert_free(offset, size);
}

bool CpuArena::owns(const void* address) const {
  const auto* byte = static_cast<const std::byte*>(address);
  return begin_ != nullptr && byte >= begin_ && byte < begin_ + range_;
}

void CpuArena::reset_peak() {
  const std::lock_guard lock(mutex_);
  peak_in_use_ = in_use_;
}

CpuMemoryStats CpuArena::stats() const {
  const std::lock_guard lock(mutex_);
  return {in_use_, peak_in_use_, resident_bytes(begin_, top_)};
}

void CpuArena::trim() {
  const std::lock_guard lock(mutex_);
  for (const auto& [offset, size] : free_) ::madvise(begin_ + offset, size, MADV_DONTNEED);
}

/// Moves the top so far that the free block below it has `size` bytes.
bool CpuArena::grow_for(std::size_t size) {
  const auto last = free_.empty() ? free_.end() : std::prev(free_.end());
  const bool reaches_top = last != free_.end() && last->first + last->second == top_;
  const std::size_t missing = reaches_top ? size - last->second : size;
  if (missing > range_ - top_) return false;
  const std::size_t old_top = top_;
  top_ += missing;
  insert_free(old_top, missing);
  return true;
}

/// Joins the block with its free neighbours.
void CpuArena::insert_free(std::size_t offset, std::size_t size) {
  const auto next = free_.lower_bound(offset);
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      offset = previous->first;
      size += previous->second;
      remove_free(previous);
    }
  }
  if (next != free_.end() && offset + size == next->first) {
    size += next->second;
    remove_free(next);
  }
  free_.emplace(offset, size);
  free_by_size_.emplace(size, offset);
}

void CpuArena::remove_free(FreeBlocks::iterator block) {
  free_by_size_.erase({block->second, block->first});
  free_.erase(block);
}

}  // namespace margay::model
