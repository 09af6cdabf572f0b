#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace margay::core {

/// The CPUs that this process may use (sched_getaffinity, which cpusets narrow), ascending and never empty. The list is
/// read once, at the first call, so pinning a thread later does not change it.
const std::vector<int>& allowed_cpus();

/// Replaces that list, which must not be empty. For programs whose OpenMP library has bound the calling thread to one
/// CPU of many before anybody could ask.
void set_allowed_cpus(std::vector<int> cpus);

/// What limits the threads of this process.
struct CpuShare {
  int allowed = 1;              ///< CPUs of allowed_cpus()
  std::optional<double> limit;  ///< CPU time that the control groups grant, in CPUs, such as 7.65; none: no limit

  /// The threads that can run at once: the allowed CPUs, but no more than the limit rounded down, and at least 1. One
  /// more than that would be stopped for a part of each period, and the others would wait for it.
  int cpus() const;
};

/// That of this process; the limit is read once.
CpuShare cpu_share();

/// cpu_share().cpus().
int available_cpus();

/// The threads that compute, load and check where no option says otherwise: set_default_threads(), or
/// available_cpus().
int default_threads();

/// Sets that number, 1 or more, for the whole process; nullopt: available_cpus() again. A program calls it at its
/// start, as it does for LibTorch's own number (model::use_cpu_threads).
void set_default_threads(std::optional<int> threads);

/// Keeps the calling thread on one of the allowed CPUs. Threads that it starts later inherit that; they call
/// unpin_thread() first. Where the system refuses, nothing happens.
void pin_thread(int cpu);

/// Lets the calling thread run on all allowed CPUs.
void unpin_thread();

/// Runs `work` on `count` new threads, which may use all allowed CPUs even if the caller is pinned to one. Where the
/// system gives no more threads there are fewer of them, perhaps none, so the caller must be able to do the work alone.
/// Destroying a thread requests its stop and waits for it.
std::vector<std::jthread> start_threads(int count, const std::function<void(const std::stop_token&)>& work);

/// Calls work(0) … work(count - 1), in any order and each once, on this thread and at most `threads` - 1 others. Where
/// one throws, no more are begun, and the first exception is thrown here when those that run have ended.
void for_each_index(std::size_t count, const std::function<void(std::size_t)>& work, int threads = default_threads());

/// The right to pin threads to CPUs, which for each CPU only one process of a machine has at a time. It is asked for
/// through names of sockets (man 7 unix, "Abstract sockets"), which vanish with their process; containers with networks
/// of their own do not see each other's. Given back when destroyed.
class CpuClaim {
 public:
  CpuClaim() = default;
  /// Claims the first `count` of `cpus` that are free, or none if fewer are.
  CpuClaim(const std::vector<int>& cpus, int count);
  CpuClaim(CpuClaim&& other) noexcept;
  CpuClaim& operator=(CpuClaim&& other) noexcept;
  ~CpuClaim() { give_back(); }

  /// Those that were claimed: `count`, or none.
  const std::vector<int>& cpus() const { return cpus_; }

 private:
  void give_back();

  std::vector<int> cpus_;
  std::vector<int> sockets_;
};

}  // namespace margay::core
