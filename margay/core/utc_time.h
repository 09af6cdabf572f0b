#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace margay::core {

/// Seconds since 1970 as "2024-05-01T12:30:00Z" (RFC 3339), and back. Nothing for a text of another form.
std::string utc_text(std::int64_t seconds);
std::optional<std::int64_t> utc_seconds(const std::string& text);

/// The same to the millisecond: "2024-05-01T12:30:00.250Z".
std::string utc_text_ms(std::chrono::system_clock::time_point time);

}  // namespace margay::core
