#include "margay/model/cpu_threads.h"

#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "margay/core/threads.h"

namespace margay::model {
namespace {

#ifdef _OPENMP
void set_openmp_threads(int n) { omp_set_num_threads(n); }

/// OpenMP keeps the team for all later operations that this thread calls.
void pin_team(int n) {
  const std::vector<int>& cpus = core::allowed_cpus();
#pragma omp parallel num_threads(n)
  core::pin_thread(cpus[static_cast<std::size_t>(omp_get_thread_num())]);
}
#else
void set_openmp_threads(int) {}
void pin_team(int) {}
#endif

}  // namespace

void use_cpu_threads(int n, ThreadPlacement placement) {
  if (n < 1) throw std::invalid_argument(fmt::format("[use_cpu_threads] n must be at least 1, got {}", n));
  at::set_num_threads(n);
  set_openmp_threads(n);
  // With fewer threads than CPUs, two programs would crowd on the same few.
  const bool has_one_for_each = static_cast<std::size_t>(n) == core::allowed_cpus().size();
  if (placement == ThreadPlacement::kPinned && has_one_for_each) pin_team(n);
}

}  // namespace margay::model
