#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace margay::core {

/// A control group that limits this process: a folder with files of limits, such as /sys/fs/cgroup/user.slice.
struct ControlGroup {
  /// The form of its files: version 1 has a hierarchy for each controller, version 2 one for all.
  enum class Version { kOne, kTwo };
  std::filesystem::path folder;
  Version version = Version::kTwo;
};

/// The groups whose limits of a controller ("cpu", "memory") hold for a process: its own and all around it, of both
/// versions where a system has both. Inside most containers there is only one, the root of what is mounted there.
/// membership: /proc/PID/cgroup; mounts: /proc/PID/mountinfo. The folders need not exist.
std::vector<ControlGroup> control_groups(std::string_view controller, std::string_view membership,
                                         std::string_view mounts);

/// Those of this process, in which it stays: they are looked up once.
const std::vector<ControlGroup>& cpu_groups();
const std::vector<ControlGroup>& memory_groups();

/// The CPU time that the tightest of the groups grants, in CPUs, such as 7.65 (version 2: cpu.max; 1: cpu.cfs_quota_us
/// and cpu.cfs_period_us); nullopt without a limit.
std::optional<double> cpu_limit(const std::vector<ControlGroup>& groups);

/// The bytes that the groups leave: the least of limit less use (version 2: memory.max and memory.high; 1:
/// memory.limit_in_bytes). Files that were read long ago count as free, since their room is given up when it is needed.
/// nullopt without a limit.
std::optional<std::uint64_t> memory_left(const std::vector<ControlGroup>& groups);

/// The CPUs of a cpu.max file ("QUOTA PERIOD" in microseconds, or "max PERIOD"); nullopt for no limit or a text that is
/// not of this form.
std::optional<double> parse_cpu_max(std::string_view text);

}  // namespace margay::core
