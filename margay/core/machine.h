#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace margay::core {

/// What this machine is called (gethostname); "" if it does not say.
std::string host_name();

/// The random number of this boot, which all containers of a machine share; "" where there is none.
std::string boot_id();

/// How many bytes this process can allocate before the system begins to swap or to kill processes: MemAvailable, but no
/// more than the control groups leave, which containers set (memory_left). 0 if the system tells neither.
std::uint64_t available_memory_bytes();

/// Bytes that this process holds in memory now (VmRSS), 0 if the system does not say.
std::uint64_t resident_memory_bytes();

/// The bytes of a line such as "MemAvailable:   22025 kB" in a text of such lines; nullopt where there is none.
std::optional<std::uint64_t> parse_kb_line(std::string_view text, std::string_view name);

}  // namespace margay::core
