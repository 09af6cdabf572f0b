#include "margay/train/batch_size/live_memory.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include <c10/core/Allocator.h>

#include "margay/core/error.h"
#include "margay/model/torch_compat.h"

namespace margay::train {
namespace {

constexpr std::uint8_t kPriority = 1;  // as model::keep_cpu_memory's: the latest of one priority counts

/// Lets another allocator work, and writes down what it gives. Blocks point to it, so it lives for ever.
class CountingAllocator : public model::compat::CpuAllocator {
 public:
  static CountingAllocator& instance() {
    static auto* const allocator = new CountingAllocator;
    return *allocator;
  }

  void begin() {
    const std::lock_guard lock(mutex_);
    MARGAY_CHECK(!is_counting_, "two LiveMemory at once");
    is_counting_ = true;
    bytes_ = peak_ = 0;
    blocks_.clear();
    inner_ = c10::GetAllocator(at::kCPU);
    c10::SetAllocator(at::kCPU, this, kPriority);
  }
  void end() {
    const std::lock_guard lock(mutex_);
    is_counting_ = false;
    c10::SetAllocator(at::kCPU, inner_, kPriority);
  }
  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }
  std::size_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

  at::DataPtr take(std::size_t bytes) const override {
    at::DataPtr block = inner_->allocate(bytes);
    const bool is_plain = block.get() != nullptr && block.get() == block.get_context();
    if (is_plain && block.compare_exchange_deleter(inner_->raw_deleter(), &release)) note(block.get(), bytes);
    return block;
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }

 private:
  void note(void* block, std::size_t bytes) const {
    const std::lock_guard lock(mutex_);
    blocks_[block] = bytes;
    bytes_ += bytes;
    peak_ = std::max(peak_, bytes_);
  }

  void forget(void* block) const {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(block);
    if (found == blocks_.end()) return;  // from before this count
    bytes_ -= found->second;
    blocks_.erase(found);
  }

  static void release(void* block) {
    instance().forget(block);
    instance().inner_->raw_deleter()(block);
  }

  mutable std::mutex mutex_;
  mutable std::unordered_map<void*, std::size_t> blocks_;
  mutable std::size_t bytes_ = 0;
  mutable std::size_t peak_ = 0;
  bool is_counting_ = false;
  at::Allocator* inner_ = nullptr;
};

}  // namespace

LiveMemory::LiveMemory() { CountingAllocator::instance().begin(); }
LiveMemory::~LiveMemory() { CountingAllocator::instance().end(); }
std::size_t LiveMemory::bytes() const { return CountingAllocator::instance().bytes(); }
std::size_t LiveMemory::peak_bytes() const { return CountingAllocator::instance().peak(); }

}  // namespace margay::train
