#include "margay/core/machine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include <unistd.h>

#include "margay/core/control_group.h"

namespace margay::core {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::uint64_t> first_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end != text.data() ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_kb_line(std::string_view text, std::string_view name) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    const bool is_it = line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':';
    if (is_it) {
      const auto kib = first_number(line.substr(name.size() + 1));
      return kib ? std::optional(*kib * 1024) : std::nullopt;
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::uint64_t available_memory_bytes() {
  std::uint64_t bytes = parse_kb_line(content_of("/proc/meminfo"), "MemAvailable").value_or(kNoLimit);
  bytes = std::min(bytes, memory_left(memory_groups()).value_or(kNoLimit));
  return bytes == kNoLimit ? 0 : bytes;
}

std::uint64_t resident_memory_bytes() { return parse_kb_line(content_of("/proc/self/status"), "VmRSS").value_or(0); }

}  // namespace margay::core
