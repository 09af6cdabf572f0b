#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace margay::core {

/// The CPUs that this process may use (sched_getaffinity), as it was when first asked: pinning a thread changes
/// nothing here. Ascending, never empty.
const std::vector<int>& allowed_cpus();

/// How many threads can run at once: the allowed CPUs, but no more than the control group's quota rounded up
/// (cgroup v2 cpu.max, which containers set). At least 1.
int available_cpus();

/// Keeps the calling thread on one of the allowed CPUs. Threads that it starts later inherit that; they call
/// unpin_thread() first. Where the system refuses, nothing happens.
void pin_thread(int cpu);

/// Lets the calling thread run on all allowed CPUs.
void unpin_thread();

/// The CPUs that a cgroup-v2 cpu.max file ("QUOTA PERIOD" in microseconds, or "max PERIOD") allows, rounded up;
/// nullopt for no limit or a text that is not of this form.
std::optional<int> parse_cpu_max(std::string_view text);

}  // namespace margay::core
