#pragma once

#include <optional>
#include <string_view>

namespace margay::core {

/// How many threads can run at once: the CPUs this process may use (sched_getaffinity), no more than its
/// control group's quota rounded up (cgroup v2 cpu.max, which containers set). At least 1.
int available_cpus();

/// The CPUs that a cgroup-v2 cpu.max file ("QUOTA PERIOD" in microseconds, or "max PERIOD") allows, rounded up;
/// nullopt for no limit or a text that is not of this form.
std::optional<int> parse_cpu_max(std::string_view text);

}  // namespace margay::core
