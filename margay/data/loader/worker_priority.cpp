#include "margay/data/loader/worker_priority.h"

#include <sched.h>

namespace margay::data {

void give_way_to_the_network() {
  const sched_param no_priority{};
  sched_setscheduler(0, SCHED_IDLE, &no_priority);  // of this thread; a system that refuses only makes it slower
}

}  // namespace margay::data
