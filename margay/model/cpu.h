#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace margay::model {

/// Bytes of memory for big CPU tensors (1 MiB and more).
struct CpuMemoryStats {
  std::size_t in_use_bytes = 0;       ///< handed out now
  std::size_t peak_in_use_bytes = 0;  ///< the most that was handed out at once
  std::size_t resident_bytes = 0;     ///< memory taken from the system: in use or kept for reuse
};

/// From now on LibTorch's CPU tensors keep big blocks for reuse instead of returning them to the system. A training
/// step asks for the same sizes again and again, and freshly mapped pages cost it a quarter of its time: ResNet-18,
/// batch 64x3x224x224, bf16, one thread of a Xeon with AMX: 2.3 s a step with glibc's malloc, 1.75 s with this, at less
/// peak memory. The first step takes longer while the system finds huge pages, so it is for training, not for one
/// image. Process-wide and irreversible: a program opts in at start; the library never does so by itself. Tensors
/// made before stay valid. Calling it again does nothing. Throws core::Error where the program has set an allocator of
/// its own with a priority above 1.
void keep_cpu_memory();

/// All zeros before keep_cpu_memory().
CpuMemoryStats cpu_memory_stats();

/// The peak counts anew from what is in use now.
void reset_cpu_memory_peak();

/// Returns kept memory that holds no tensor to the system, for instance between training and serving.
void trim_cpu_memory();

/// Counts, while it lives, the bytes of CPU tensors that are made and given back, in all threads (oneDNN's scratch
/// memory comes from there too). Only one at a time; memory may be kept (keep_cpu_memory) before or meanwhile. Tensors
/// that outlive it are given back as any other.
class LiveMemory {
 public:
  /// Throws core::InternalError while there is another, core::Error as keep_cpu_memory.
  LiveMemory();
  LiveMemory(const LiveMemory&) = delete;
  LiveMemory& operator=(const LiveMemory&) = delete;
  ~LiveMemory();

  /// Of tensors made since, those that are still there.
  std::size_t bytes() const;
  /// The most of them at once.
  std::size_t peak_bytes() const;
};

/// Blocks of memory cut from one long range of addresses, whose pages stay once they have been touched.
/// Best fit, lowest address first; neighbouring free blocks are joined at once, so that what one batch size leaves
/// serves another. Blocks begin at page boundaries, and the range asks for huge pages. Thread-safe.
class CpuArena {
 public:
  /// Reserves addresses, not memory: `range_bytes`, or what the system grants of it.
  explicit CpuArena(std::size_t range_bytes);
  CpuArena(const CpuArena&) = delete;
  CpuArena& operator=(const CpuArena&) = delete;
  ~CpuArena();

  /// A block of at least `bytes` >= 1 bytes, or null if the range is used up.
  void* take(std::size_t bytes);
  /// Takes back a block that take() gave.
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
  std::size_t top_ = 0;                                         ///< behind it nothing was ever handed out
  FreeBlocks free_;                                             ///< offset -> size
  std::set<std::pair<std::size_t, std::size_t>> free_by_size_;  ///< size, offset
  std::unordered_map<std::size_t, std::size_t> used_;           ///< offset -> size
  std::size_t in_use_ = 0;
  std::size_t peak_in_use_ = 0;
};

/// Where LibTorch's threads run.
enum class ThreadPlacement {
  kFree,    ///< wherever the system puts them
  kPinned,  ///< each on a CPU of its own; only done if there is one for every CPU of this process
};

constexpr auto names(ThreadPlacement) {
  return std::array{std::pair{ThreadPlacement::kFree, "free"}, std::pair{ThreadPlacement::kPinned, "pinned"}};
}

/// Lets LibTorch use n >= 1 CPU threads inside an operation. Debian's LibTorch starts with 1. A good n is
/// core::available_cpus(). Call it once at start, and in each thread of one's own that runs operations: OpenMP, which
/// oneDNN asks, counts per thread.
///
/// Pinning is for training beside other busy threads, such as those that decode images. oneDNN's batch norm
/// waits for all its threads by spinning; if two share a CPU, each spins away the other's time. ResNet-18, batch
/// 64x3x224x224, bf16, 2 threads beside two compilers on 2 CPUs: 9.8 s a step free, 2.9 s pinned.
/// The caller is pinned too, and threads that it starts inherit that: they begin with core::unpin_thread().
void use_cpu_threads(int n, ThreadPlacement placement = ThreadPlacement::kFree);

}  // namespace margay::model
