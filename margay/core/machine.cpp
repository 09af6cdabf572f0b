#include "margay/core/machine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>

#include <unistd.h>

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

namespace fs = std::filesystem;

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

/// This process's group below the root, such as "user.slice/x.scope"; "" inside most containers.
fs::path own_cgroup() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::/", 0) == 0) return line.substr(4);  // version 2's only line is numbered 0
  }
  return {};
}

}  // namespace

std::vector<fs::path> cgroup_folders() {
  std::vector<fs::path> folders;
  for (fs::path below = own_cgroup();; below = below.parent_path()) {
    folders.push_back(kCgroupRoot / below);
    if (below.empty()) return folders;
  }
}

namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::uint64_t> first_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end != text.data() ? std::optional(number) : std::nullopt;
}

/// The number behind a name in a file of lines "name number".
std::uint64_t entry_of(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  for (std::string key; file >> key >> number;) {
    if (key == name) return number;
  }
  return 0;
}

/// What a group leaves. Files read long ago count as used until the room is needed. A group without a limit says "max",
/// which is no number.
std::uint64_t left_in(const fs::path& group) {
  const auto limit = first_number(content_of(group / "memory.max"));
  const auto used = first_number(content_of(group / "memory.current"));
  if (!limit || !used) return kNoLimit;
  const std::uint64_t needed = *used - std::min(*used, entry_of(group / "memory.stat", "inactive_file"));
  return *limit - std::min(*limit, needed);
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
  for (const fs::path& group : cgroup_folders()) bytes = std::min(bytes, left_in(group));
  return bytes == kNoLimit ? 0 : bytes;
}

std::uint64_t resident_memory_bytes() { return parse_kb_line(content_of("/proc/self/status"), "VmRSS").value_or(0); }

}  // namespace margay::core
