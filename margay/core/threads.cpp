#include "margay/core/threads.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "margay/core/control_group.h"
#include "margay/core/error.h"

namespace margay::core {
namespace {

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

std::vector<int>& cpu_list() {
  static std::vector<int> cpus = query_affinity();
  return cpus;
}

std::atomic<int> wanted_threads = 0;  // 0: as many as the machine has

}  // namespace

const std::vector<int>& allowed_cpus() { return cpu_list(); }

void set_allowed_cpus(std::vector<int> cpus) {
  MARGAY_CHECK(!cpus.empty(), "a process may use one CPU at least");
  std::sort(cpus.begin(), cpus.end());
  cpu_list() = std::move(cpus);
}

int CpuShare::cpus() const {
  if (!limit || *limit >= allowed) return allowed;
  return std::max(1, static_cast<int>(*limit));
}

CpuShare cpu_share() {
  static const std::optional<double> limit = cpu_limit(cpu_groups());
  return {static_cast<int>(allowed_cpus().size()), limit};
}

int available_cpus() { return cpu_share().cpus(); }

int default_threads() {
  const int wanted = wanted_threads;
  return wanted > 0 ? wanted : available_cpus();
}

void set_default_threads(std::optional<int> threads) {
  if (threads && *threads < 1) {
    throw std::invalid_argument(fmt::format("[set_default_threads] threads must be at least 1, got {}", *threads));
  }
  wanted_threads = threads.value_or(0);
}

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

void for_each_index(std::size_t count, const std::function<void(std::size_t)>& work, int threads) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto run = [&](const std::stop_token& /*stop*/) {
    try {
      for (std::size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      next = count;
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    const std::size_t most = static_cast<std::size_t>(std::max(threads, 1));
    const auto helpers = start_threads(static_cast<int>(std::min(most, count)) - 1, run);
    run({});
  }
  if (failure) std::rethrow_exception(failure);
}

namespace {

/// A socket of the name that stands for the CPU; -1 if another process has it.
int claim_cpu(int cpu) {
  const int claimed = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (claimed < 0) return -1;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = fmt::format("margay-pinned-cpu-{}", cpu);
  std::copy(text.begin(), text.end(), name.sun_path + 1);  // behind a zero: no file
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  if (::bind(claimed, reinterpret_cast<const sockaddr*>(&name), bytes) == 0) return claimed;
  ::close(claimed);
  return -1;
}

}  // namespace

CpuClaim::CpuClaim(const std::vector<int>& cpus, int count) {
  for (const int cpu : cpus) {
    if (cpus_.size() == static_cast<std::size_t>(count)) return;
    const int claimed = claim_cpu(cpu);
    if (claimed < 0) continue;
    cpus_.push_back(cpu);
    sockets_.push_back(claimed);
  }
  if (cpus_.size() < static_cast<std::size_t>(count)) give_back();
}

CpuClaim::CpuClaim(CpuClaim&& other) noexcept
    : cpus_(std::exchange(other.cpus_, {})), sockets_(std::exchange(other.sockets_, {})) {}

CpuClaim& CpuClaim::operator=(CpuClaim&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  cpus_ = std::exchange(other.cpus_, {});
  sockets_ = std::exchange(other.sockets_, {});
  return *this;
}

void CpuClaim::give_back() {
  for (const int each : sockets_) ::close(each);
  sockets_.clear();
  cpus_.clear();
}

}  // namespace margay::core
