#include "margay/model/cpu_threads.h"

#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace margay::model {

void use_cpu_threads(int n) {
  if (n < 1) throw std::invalid_argument(fmt::format("[use_cpu_threads] n must be at least 1, got {}", n));
  at::set_num_threads(n);
#ifdef _OPENMP
  omp_set_num_threads(n);
#endif
}

}  // namespace margay::model
