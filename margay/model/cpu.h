#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

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

/// The CPUs on which LibTorch's threads run.
enum class ThreadPlacement {
  kFree,      ///< the system decides
  kPinned,    ///< each on its own CPU, if there is one thread for every CPU of this process and all of them are free
  kAnywhere,  ///< each on its own CPU, on any that are free
};

constexpr auto names(ThreadPlacement) {
  return std::array{std::pair{ThreadPlacement::kFree, "no"}, std::pair{ThreadPlacement::kPinned, "auto"},
                    std::pair{ThreadPlacement::kAnywhere, "yes"}};
}

/// Lets LibTorch use n >= 1 CPU threads inside an operation. Debian's LibTorch starts with 1. A good n is
/// core::available_cpus(). Call it once at the start, and in each own thread that runs operations, because OpenMP,
/// which oneDNN uses, has the setting per thread. Returns the CPUs to which the threads are pinned; none: they are
/// free.
///
/// Pinning is for training beside other busy threads, such as those that decode images. oneDNN's batch norm waits for
/// all its threads by spinning; if two of them share a CPU, each wastes the other's time. ResNet-18, batch
/// 64x3x224x224, bf16, 2 threads beside two compilers on 2 CPUs: 9.8 s a step free, 2.9 s pinned.
/// A CPU is free if no other process has pinned threads there by this function (core::CpuClaim): two trainings on the
/// same CPUs would wait for each other while other CPUs idle. Nothing is pinned where OpenMP itself has bound the
/// threads (OMP_PROC_BIND, GOMP_CPU_AFFINITY).
/// The caller is pinned too, and threads that it starts inherit that, so they must call core::unpin_thread() first.
std::vector<int> use_cpu_threads(int n, ThreadPlacement placement = ThreadPlacement::kFree);

/// Where OMP_PROC_BIND, OMP_PLACES or GOMP_CPU_AFFINITY have bound the main thread to one CPU before main began, makes
/// the CPUs of all of OpenMP's places those that this process may use (core::set_allowed_cpus). Call it first.
void allow_openmp_places();

}  // namespace margay::model
