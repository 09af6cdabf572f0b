#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace margay::model {

/// Memory of large CPU tensors (1 MiB and more), in bytes.
struct CpuMemoryStats {
  std::size_t in_use_bytes = 0;       ///< allocated now
  std::size_t peak_in_use_bytes = 0;  ///< the peak of the allocated memory
  std::size_t resident_bytes = 0;     ///< memory taken from the system: in use or kept for reuse
};

/// Makes LibTorch's CPU tensors keep large blocks for reuse instead of returning them to the system. A training step
/// allocates the same sizes again and again, and freshly mapped pages cost a quarter of its time: ResNet-18, batch
/// 64x3x224x224, bf16, one thread of a Xeon with AMX: 2.3 s a step with glibc's malloc, 1.75 s with this, at less peak
/// memory. The first step takes longer while the system finds huge pages, so use it for training, not for single
/// images. The setting is process-wide and irreversible, so a program calls this at its start; the library never calls
/// it. Existing tensors stay valid. Calling it again has no effect. Throws core::Error if the program has set its own
/// allocator with a priority above 1.
void keep_cpu_memory();

/// All zeros before keep_cpu_memory().
CpuMemoryStats cpu_memory_stats();

/// Resets the peak to the memory in use now.
void reset_cpu_memory_peak();

/// Returns unused memory to the system, for instance between training and serving.
void trim_cpu_memory();

/// Counts the bytes of CPU tensors that are allocated and freed during its lifetime, in all threads (oneDNN's scratch
/// memory included). Only one may exist at a time; keep_cpu_memory may be called before or meanwhile. Tensors that
/// outlive it are freed as usual.
class LiveMemory {
 public:
  /// Throws core::InternalError if there is another one, and core::Error as keep_cpu_memory.
  LiveMemory();
  LiveMemory(const LiveMemory&) = delete;
  LiveMemory& operator=(const LiveMemory&) = delete;
  ~LiveMemory();

  /// The bytes of tensors allocated since then and not yet freed.
  std::size_t bytes() const;
  /// The peak of bytes().
  std::size_t peak_bytes() const;
};

/// An allocator of blocks from one long range of addresses, whose pages are kept once they have been touched. It uses
/// best fit, lowest address first, and joins neighbouring free blocks at once, so that blocks of one batch size can be
/// reused for another. Blocks begin at page boundaries, and the range requests huge pages. Thread-safe.
class CpuArena {
 public:
  /// Reserves `range_bytes` of addresses (not memory), or as many as the system grants.
  explicit CpuArena(std::size_t range_bytes);
  CpuArena(const CpuArena&) = delete;
  CpuArena& operator=(const CpuArena&) = delete;
  ~CpuArena();

  /// A block of at least `bytes` >= 1 bytes, or null if the range is used up.
  void* take(std::size_t bytes);
  /// Frees a block of take().
  void give_back(void* block);
  bool owns(const void* address) const;

  CpuMemoryStats stats() const;
  void reset_peak();
  /// Returns the pages of all free blocks to the system.
  void trim();

 private:
  using FreeBlocks = std::map<std::size_t, std::size_t>;

  bool grow_for(std::size_t size);
  void insert_free(std::size_t offset, std::size_t size);
  void remove_free(FreeBlocks::iterator block);

  std::byte* begin_ = nullptr;
  std::size_t range_ = 0;

  mutable std::mutex mutex_;
  std::size_t top_ = 0;                                         ///< nothing was ever allocated behind it
  FreeBlocks free_;                                             ///< offset -> size
  std::set<std::pair<std::size_t, std::size_t>> free_by_size_;  ///< size, offset
  std::unordered_map<std::size_t, std::size_t> used_;           ///< offset -> size
  std::size_t in_use_ = 0;
  std::size_t peak_in_use_ = 0;
};

}  // namespace margay::model
