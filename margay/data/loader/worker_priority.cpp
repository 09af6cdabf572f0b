#include "margay/data/loader/worker_priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace margay::data {

void give_way_to_the_network() {
  constexpr int kNice = 10;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);  // on Linux a thread's; failing is harmless
}

}  // namespace margay::data
