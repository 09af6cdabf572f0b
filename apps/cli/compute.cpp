#include "apps/cli/compute.h"

#include "margay/core/threads.h"
#include "margay/data/image/image_threads.h"
#include "margay/data/loader/image_memory.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/cpu_threads.h"

namespace margay::cli {

void prepare_to_compute() {
  model::use_cpu_threads(core::available_cpus(), model::ThreadPlacement::kPinned);
  model::keep_cpu_memory();
  data::use_image_threads(1);
  data::keep_image_memory();
}

}  // namespace margay::cli
