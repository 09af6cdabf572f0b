#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <vector>

namespace margay::core {

/// The CPUs that this process may use (sched_getaffinity), ascending and never empty. The list is read once, at the
/// first call, so pinning a thread later does not change it.
const std::vector<int>& allowed_cpus();

/// How many threads can run at once: the allowed CPUs, but no more than the control group's quota rounded up
/// (cgroup v2 cpu.max, which containers set). At least 1.
int available_cpus();

/// Keeps the calling thread on one of the allowed CPUs. Threads that it starts later inherit that; they call
/// unpin_thread() first. Where the system refuses, nothing happens.
void pin_thread(int cpu);

/// Lets the calling thread run on all allowed CPUs.
void unpin_thread();

/// Runs `work` on `count` new threads, which may use all allowed CPUs even if the caller is pinned to one. Where the
/// system gives no more threads there are fewer of them, perhaps none, so the caller must be able to do the work alone.
/// Destroying a thread requests its stop and waits for it.
std::vector<std::jthread> start_threads(int count, const std::function<void(const std::stop_token&)>& work);

/// The CPUs that a cgroup-v2 cpu.max file ("QUOTA PERIOD" in microseconds, or "max PERIOD") allows, rounded up;
/// nullopt for no limit or a text that is not of this form.
std::optional<int> parse_cpu_max(std::string_view text);

}  // namespace margay::core
