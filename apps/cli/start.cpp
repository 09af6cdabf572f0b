#include "apps/cli/start.h"

#include <csignal>

#include "margay/core/threads.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/cpu_threads.h"

namespace margay::cli {

void start() {
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is then an error like a full disk, not the end
  model::use_cpu_threads(core::available_cpus(), model::ThreadPlacement::kPinned);
  model::keep_cpu_memory();
}

}  // namespace margay::cli
