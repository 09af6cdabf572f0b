#include "margay/core/control_group.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace margay::core {
namespace {

namespace fs = std::filesystem;
using Version = ControlGroup::Version;

constexpr const char* kUsualRoot = "/sys/fs/cgroup";

std::string group_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

/// A line of /proc/PID/cgroup is "ID:CONTROLLERS:PATH"; version 2's has no controllers and the ID 0.
std::optional<fs::path> group_of(std::string_view controller, Version version, std::string_view membership) {
  std::istringstream lines{std::string(membership)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool is_it = version == Version::kTwo ? controllers.empty() : has_word(controllers, controller);
    if (is_it) return line.substr(second + 1);
  }
  return std::nullopt;
}

/// Paths in mountinfo write blanks and backslashes as \040 and \134.
std::string unescaped(const std::string& text) {
  const auto is_octal = [](char digit) { return digit >= '0' && digit <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '\\' && i + 3 < text.size() &&
                           std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                       text.begin() + static_cast<std::ptrdiff_t>(i) + 4, is_octal);
    plain += is_escape ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
    i += is_escape ? 3 : 0;
  }
  return plain;
}

/// A hierarchy of groups in the file system.
struct Mount {
  fs::path root;   ///< the group that appears there
  fs::path point;  ///< where
  Version version;
};

/// A line of mountinfo is "ID PARENT DEVICE ROOT POINT OPTIONS [TAGS] - TYPE SOURCE SUPER_OPTIONS" (man 5
/// proc_pid_mountinfo); a version 1 hierarchy names its controllers among the last.
std::optional<Mount> mount_of(const std::string& line, std::string_view controller) {
  std::istringstream words(line);
  std::string ignored;
  std::string root;
  std::string point;
  if (!(words >> ignored >> ignored >> ignored >> root >> point)) return std::nullopt;
  std::string type;
  while (words >> type && type != "-") {
  }
  std::string options;
  if (!(words >> type >> ignored >> options)) return std::nullopt;
  if (type == "cgroup2") return Mount{unescaped(root), unescaped(point), Version::kTwo};
  if (type != "cgroup" || !has_word(options, controller)) return std::nullopt;
  return Mount{unescaped(root), unescaped(point), Version::kOne};
}

std::vector<Mount> mounts_of(std::string_view controller, std::string_view mounts) {
  std::vector<Mount> found;
  std::istringstream lines{std::string(mounts)};
  for (std::string line; std::getline(lines, line);) {
    if (const auto mount = mount_of(line, controller)) found.push_back(*mount);
  }
  if (!found.empty()) return found;
  return {{"/", kUsualRoot, Version::kTwo}, {"/", fs::path(kUsualRoot) / controller, Version::kOne}};
}

/// The group's path below what is mounted. A container sees its own group as the root, while /proc may name it by the
/// host's path: what does not lie below the mount is the mount.
fs::path below_mount(const fs::path& group, const fs::path& root) {
  const fs::path relative = group.lexically_relative(root);
  const bool is_below = !relative.empty() && relative != "." && *relative.begin() != "..";
  return is_below ? relative : fs::path();
}

}  // namespace

std::vector<ControlGroup> control_groups(std::string_view controller, std::string_view membership,
                                         std::string_view mounts) {
  std::vector<ControlGroup> groups;
  for (const Mount& mount : mounts_of(controller, mounts)) {
    const fs::path group = group_of(controller, mount.version, membership).value_or("/");
    for (fs::path below = below_mount(group, mount.root);; below = below.parent_path()) {
      groups.push_back({mount.point / below, mount.version});
      if (below.empty()) break;
    }
  }
  return groups;
}

namespace {

std::vector<ControlGroup> own_groups(const char* controller) {
  return control_groups(controller, group_file("/proc/self/cgroup"), group_file("/proc/self/mountinfo"));
}

}  // namespace

const std::vector<ControlGroup>& cpu_groups() {
  static const std::vector<ControlGroup> groups = own_groups("cpu");
  return groups;
}

const std::vector<ControlGroup>& memory_groups() {
  static const std::vector<ControlGroup> groups = own_groups("memory");
  return groups;
}

std::optional<double> parse_cpu_max(std::string_view text) {
  std::istringstream stream{std::string(text)};
  long long quota_us = 0;
  long long period_us = 0;
  if (!(stream >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) return std::nullopt;
  return static_cast<double>(quota_us) / static_cast<double>(period_us);
}

namespace {

/// Version 1 says -1 for no limit.
std::optional<double> cpu_limit_of(const ControlGroup& group) {
  if (group.version == Version::kTwo) return parse_cpu_max(group_file(group.folder / "cpu.max"));
  return parse_cpu_max(group_file(group.folder / "cpu.cfs_quota_us") + " " +
                       group_file(group.folder / "cpu.cfs_period_us"));
}

template <class Number>
void keep_smaller(std::optional<Number>& least, const std::optional<Number>& number) {
  if (number && (!least || *number < *least)) least = number;
}

/// A group without a limit says "max" in version 2, which is no number, and in version 1 the largest number of pages.
std::optional<std::uint64_t> number_in(const fs::path& path) {
  constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 62U;
  const std::string text = group_file(path);
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = problem == std::errc() && end != text.data();
  return is_number && number < kUnlimited ? std::optional(number) : std::nullopt;
}

/// The number behind a name in a file of lines "name number".
std::uint64_t entry_in(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  for (std::string key; file >> key >> number;) {
    if (key == name) return number;
  }
  return 0;
}

/// The names of a version's files.
struct MemoryFiles {
  std::vector<const char*> limits;
  const char* used;
  const char* old_files;  ///< the entry of memory.stat, descendants included
};

const MemoryFiles& memory_files(Version version) {
  static const MemoryFiles one{{"memory.limit_in_bytes"}, "memory.usage_in_bytes", "total_inactive_file"};
  static const MemoryFiles two{{"memory.max", "memory.high"}, "memory.current", "inactive_file"};
  return version == Version::kOne ? one : two;
}

std::optional<std::uint64_t> memory_left_in(const ControlGroup& group) {
  const MemoryFiles& files = memory_files(group.version);
  std::optional<std::uint64_t> limit;
  for (const char* each : files.limits) keep_smaller(limit, number_in(group.folder / each));
  const auto used = number_in(group.folder / files.used);
  if (!limit || !used) return std::nullopt;
  const std::uint64_t needed = *used - std::min(*used, entry_in(group.folder / "memory.stat", files.old_files));
  return *limit - std::min(*limit, needed);
}

}  // namespace

std::optional<double> cpu_limit(const std::vector<ControlGroup>& groups) {
  std::optional<double> least;
  for (const ControlGroup& each : groups) keep_smaller(least, cpu_limit_of(each));
  return least;
}

std::optional<std::uint64_t> memory_left(const std::vector<ControlGroup>& groups) {
  std::optional<std::uint64_t> least;
  for (const ControlGroup& each : groups) keep_smaller(least, memory_left_in(each));
  return least;
}

}  // namespace margay::core
