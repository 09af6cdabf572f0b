#include "apps/cli/start.h"

#include "margay/core/threads.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/cpu_threads.h"

namespace margay::cli {

void start() {
  model::use_cpu_threads(core::available_cpus());
  model::keep_cpu_memory();
}

}  // namespace margay::cli
