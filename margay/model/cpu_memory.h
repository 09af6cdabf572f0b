#pragma once

#include <cstddef>

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

}  // namespace margay::model
