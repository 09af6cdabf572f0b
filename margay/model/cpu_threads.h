#pragma once

#include <array>
#include <utility>

namespace margay::model {

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
