#include "margay/core/threads.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>
#include <string>

#include <sched.h>

#include "margay/core/machine.h"

namespace margay::core {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxCpus = 1 << 20;

/// A set of CPUs as large as it takes, and its release.
struct CpuSet {
  explicit CpuSet(int cpus)
      : bytes(CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus))), set(CPU_ALLOC(static_cast<std::size_t>(cpus))) {
    if (set == nullptr) throw std::bad_alloc();
    CPU_ZERO_S(bytes, set);
  }
  CpuSet(const CpuSet&) = delete;
  CpuSet& operator=(const CpuSet&) = delete;
  ~CpuSet() { CPU_FREE(set); }

  std::size_t bytes;
  cpu_set_t* set;
};

std::vector<int> query_affinity() {
  std::vector<int> cpus;
  for (int room = CPU_SETSIZE; cpus.empty() && room <= kMaxCpus; room *= 2) {  // too small a set is refused
    const CpuSet allowed(room);
    if (::sched_getaffinity(0, allowed.bytes, allowed.set) != 0) continue;
    for (std::size_t cpu = 0; cpu < static_cast<std::size_t>(room); ++cpu) {
      if (CPU_ISSET_S(cpu, allowed.bytes, allowed.set)) cpus.push_back(static_cast<int>(cpu));
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

void set_affinity(const std::vector<int>& cpus) {
  const CpuSet wanted(cpus.back() + 1);
  for (const int cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), wanted.bytes, wanted.set);
  ::sched_setaffinity(0, wanted.bytes, wanted.set);
}

std::optional<int> quota_of(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  std::string line;
  return std::getline(file, line) ? parse_cpu_max(line) : std::nullopt;
}

/// The tightest quota of the group and its ancestors.
int cpus_by_quota() {
  int cpus = kMaxCpus;
  for (const fs::path& group : cgroup_folders()) cpus = std::min(cpus, quota_of(group).value_or(kMaxCpus));
  return cpus;
}

}  // namespace

const std::vector<int>& allowed_cpus() {
  static const std::vector<int> cpus = query_affinity();
  return cpus;
}

int available_cpus() { return std::min(static_cast<int>(allowed_cpus().size()), cpus_by_quota()); }

void pin_thread(int cpu) {
  const std::vector<int>& allowed = allowed_cpus();  // asked before it is too late
  if (std::binary_search(allowed.begin(), allowed.end(), cpu)) set_affinity({cpu});
}

void unpin_thread() { set_affinity(allowed_cpus()); }

std::vector<std::jthread> start_threads(int count, const std::function<void(const std::stop_token&)>& work) {
  const auto run = [work](const std::stop_token& stop) {
    unpin_thread();
    work(stop);
  };
  std::vector<std::jthread> threads;
  threads.reserve(static_cast<std::size_t>(std::max(count, 0)));
  try {
    for (int i = 0; i < count; ++i) threads.emplace_back(run);
  } catch (const std::exception&) {  // no thread (std::system_error), or no memory for one (std::bad_alloc)
  }
  return threads;
}

std::optional<int> parse_cpu_max(std::string_view text) {
  std::istringstream stream{std::string(text)};
  long long quota_us = 0;
  long long period_us = 0;
  if (!(stream >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) return std::nullopt;
  const long long cpus = (quota_us - 1) / period_us + 1;
  return static_cast<int>(std::min<long long>(cpus, kMaxCpus));
}

}  // namespace margay::core
