#pragma once

#include <array>
#include <utility>
#include <vector>

namespace margay::model {

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

/// While it lives, operations that the calling thread begins use n CPU threads, whatever use_cpu_threads said; other
/// threads are not changed. Sums that are divided among threads change their last bits with the number of threads.
class ThreadCount {
 public:
  explicit ThreadCount(int n);
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;
  ~ThreadCount();

 private:
  int before_;
};

/// Where OMP_PROC_BIND, OMP_PLACES or GOMP_CPU_AFFINITY have bound the main thread to one CPU before main began, makes
/// the CPUs of all of OpenMP's places those that this process may use (core::set_allowed_cpus). Call it first.
void allow_openmp_places();

}  // namespace margay::model
