#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace margay::core {

/// What this machine is called (gethostname); "" if it does not say.
std::string host_name();

/// The random number of this boot, which all containers of a machine share; "" where there is none.
std::string boot_id();

/// The folders that hold the limits of this process's control group (version 2) and of its ancestors, the group's own
/// folder first. Inside most containers there is only one, the root. The folders need not exist.
std::vector<std::filesystem::path> cgroup_folders();

/// How many bytes this process can allocate before the system begins to swap or to kill processes: MemAvailable, but no
/// more than the control groups leave (cgroup v2 memory.max less memory.current, which containers set). 0 if the system
/// tells neither.
std::uint64_t available_memory_bytes();

/// Bytes that this process holds in memory now (VmRSS), 0 if the system does not say.
std::uint64_t resident_memory_bytes();

/// The bytes of a line such as "MemAvailable:   22025 kB" in a text of such lines; nullopt where there is none.
std::optional<std::uint64_t> parse_kb_line(std::string_view text, std::string_view name);

}  // namespace margay::core
