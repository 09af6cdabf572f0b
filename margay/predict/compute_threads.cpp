#include "margay/predict/compute_threads.h"

#include <cstdint>

#include <ATen/Parallel.h>

namespace margay::predict {

void on_each_thread(const std::function<void()>& work) {
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t thread = first; thread < last; ++thread) work();
  });
}

}  // namespace margay::predict
