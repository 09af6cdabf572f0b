#include "margay/http/trace.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::http {
namespace {

constexpr std::size_t kVersion1Length = 55;  // 00-TRACEID-PARENTID-FLAGS
constexpr std::size_t kTraceStart = 3;
constexpr std::size_t kTraceLength = 32;
constexpr std::size_t kParentStart = 36;
constexpr std::size_t kParentLength = 16;
constexpr std::size_t kLongestId = 128;

bool is_small_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_nonzero_hex(std::string_view text) {
  return is_small_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() < kVersion1Length) return false;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const std::string_view version = text.substr(0, 2);
  if (!is_small_hex(version) || version == "ff") return false;
  // A later version may append further parts, behind a hyphen.
  if (text.size() > kVersion1Length && (version == "00" || text[kVersion1Length] != '-')) return false;
  return is_nonzero_hex(text.substr(kTraceStart, kTraceLength)) &&
         is_nonzero_hex(text.substr(kParentStart, kParentLength)) && is_small_hex(text.substr(53, 2));
}

std::string_view trace_id(std::string_view traceparent) { return traceparent.substr(kTraceStart, kTraceLength); }

bool is_request_id(std::string_view text) {
  const auto is_letter = [](char c) {
    const char small = core::lower_case(c);
    return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == ':';
  };
  return !text.empty() && text.size() <= kLongestId && std::all_of(text.begin(), text.end(), is_letter);
}

std::string new_request_id() {
  static const std::uint64_t process = [] {
    std::random_device random;
    return (std::uint64_t{random()} << 32U) | random();
  }();
  static std::atomic<std::uint64_t> next{1};
  return fmt::format("{:016x}{:016x}", process, next++);
}

}  // namespace margay::http
