#include "margay/model/cpu_threads.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "margay/core/threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace margay::model {
namespace {

#ifdef _OPENMP
void set_openmp_threads(int n) { omp_set_num_threads(n); }

bool has_openmp_bound() { return omp_get_proc_bind() != omp_proc_bind_false && omp_get_num_places() > 0; }

std::vector<int> cpus_of_places() {
  std::vector<int> cpus;
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    cpus.insert(cpus.end(), ids.begin(), ids.end());
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

/// OpenMP keeps the team for all later operations that this thread calls. cpus: one for each; none: all.
void place_team(int n, const std::vector<int>& cpus) {
#pragma omp parallel num_threads(n)
  {
    const auto number = static_cast<std::size_t>(omp_get_thread_num());
    number < cpus.size() ? core::pin_thread(cpus[number]) : core::unpin_thread();
  }
}
#else
void set_openmp_threads(int) {}
bool has_openmp_bound() { return false; }
std::vector<int> cpus_of_places() { return {}; }
void place_team(int, const std::vector<int>&) {}
#endif

/// The CPUs to which a thread of this process has pinned its team.
struct PinnedTeam {
  std::mutex changing;
  core::CpuClaim claim;
  std::thread::id owner;  ///< none: no team has ever been pinned
  int threads = 0;        ///< of the largest team that was pinned
};

PinnedTeam& pinned_team() {
  static PinnedTeam team;
  return team;
}

core::CpuClaim claim_for(int n, ThreadPlacement placement) {
  const std::vector<int>& allowed = core::allowed_cpus();
  // With fewer threads than CPUs the system knows better which ones idle.
  const bool has_one_for_each = static_cast<std::size_t>(n) == allowed.size();
  const bool wants =
      placement == ThreadPlacement::kAnywhere || (placement == ThreadPlacement::kPinned && has_one_for_each);
  return wants && !has_openmp_bound() ? core::CpuClaim(allowed, n) : core::CpuClaim();
}

}  // namespace

std::vector<int> use_cpu_threads(int n, ThreadPlacement placement) {
  if (n < 1) throw std::invalid_argument(fmt::format("[use_cpu_threads] n must be at least 1, got {}", n));
  at::set_num_threads(n);
  set_openmp_threads(n);
  PinnedTeam& team = pinned_team();
  const std::lock_guard lock(team.changing);
  const bool was_pinned = team.owner == std::this_thread::get_id();
  if (was_pinned) team.claim = {};  // before the next one, which may want the same CPUs
  core::CpuClaim claim = claim_for(n, placement);
  std::vector<int> cpus = claim.cpus();
  if (cpus.empty() && !was_pinned) return cpus;
  team.threads = was_pinned ? std::max(n, team.threads) : n;
  place_team(team.threads, cpus);
  team.claim = std::move(claim);
  team.owner = std::this_thread::get_id();
  return cpus;
}

ThreadCount::ThreadCount(int n) : before_(at::get_num_threads()) {  // which also ends LibTorch's own set-up of a thread
  set_openmp_threads(n);
}

ThreadCount::~ThreadCount() { set_openmp_threads(before_); }

void allow_openmp_places() {
  if (!has_openmp_bound()) return;
  std::vector<int> cpus = cpus_of_places();
  if (!cpus.empty()) core::set_allowed_cpus(std::move(cpus));
}

}  // namespace margay::model
