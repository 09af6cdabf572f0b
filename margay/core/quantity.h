#pragma once

#include <cstdint>
#include <string>

namespace margay::core {

/// A number of bytes in the unit that fits, for people: "512 bytes", "3.1 kB", "39 MB", "1.2 GB"; decimal units.
std::string size_text(std::uint64_t bytes);

/// A time in the unit that fits, for people: "0.4 seconds", "12 seconds", "2.0 minutes", "3.5 hours". seconds: at least
/// 0.
std::string duration_text(double seconds);

}  // namespace margay::core
