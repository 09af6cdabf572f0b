#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace margay::core {

/// The folders of this process's control group (version 2) and its ancestors, which hold their limits; the group's own
/// first. Inside most containers that is one, the root. The folders need not exist.
std::vector<std::filesystem::path> cgroup_folders();

/// Bytes that this process can take before the system begins to swap or to end processes: MemAvailable, but no more
/// than what the control groups leave (cgroup v2 memory.max less memory.current, which containers set). 0 if the system
/// says neither.
std::uint64_t available_memory_bytes();

/// Bytes that this process holds in memory now (VmRSS), 0 if the system does not say.
std::uint64_t resident_memory_bytes();

/// The bytes of a line such as "MemAvailable:   22025 kB" in a text of such lines; nullopt where there is none.
std::optional<std::uint64_t> parse_kb_line(std::string_view text, std::string_view name);

}  // namespace margay::core
