#include "margay/core/threads.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <sched.h>

namespace margay::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";
constexpr int kMaxCpus = 1 << 20;

int cpus_by_affinity() {
  for (int room = CPU_SETSIZE; room <= kMaxCpus; room *= 2) {  // the kernel refuses a set smaller than its own
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(room));
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(room));
    const bool done = ::sched_getaffinity(0, bytes, set) == 0;
    const int reason = errno;
    const int count = done ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (done) return count;
    if (reason != EINVAL) break;
  }
  return static_cast<int>(std::thread::hardware_concurrency());
}

/// This process's group below the root, such as "user.slice/x.scope"; "" inside most containers.
fs::path own_cgroup() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::/", 0) == 0) return line.substr(4);  // version 2's only line is numbered 0
  }
  return {};
}

std::optional<int> quota_of(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  std::string line;
  return std::getline(file, line) ? parse_cpu_max(line) : std::nullopt;
}

/// The tightest quota of the group and its ancestors.
int cpus_by_quota() {
  int cpus = kMaxCpus;
  for (fs::path below = own_cgroup();; below = below.parent_path()) {
    cpus = std::min(cpus, quota_of(kCgroupRoot / below).value_or(kMaxCpus));
    if (below.empty()) return cpus;
  }
}

}  // namespace

int available_cpus() { return std::max(1, std::min(cpus_by_affinity(), cpus_by_quota())); }

std::optional<int> parse_cpu_max(std::string_view text) {
  std::istringstream stream{std::string(text)};
  long long quota_us = 0;
  long long period_us = 0;
  if (!(stream >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) return std::nullopt;
  const long long cpus = (quota_us - 1) / period_us + 1;
  return static_cast<int>(std::min<long long>(cpus, kMaxCpus));
}

}  // namespace margay::core
