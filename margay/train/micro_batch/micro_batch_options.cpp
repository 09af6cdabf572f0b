#include "margay/train/micro_batch/micro_batch_options.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/train/micro_batch/sum_tree.h"

namespace margay::train {

MicroBatchOptions MicroBatchOptions::resolved(int world, int threads) const {
  MicroBatchOptions used = *this;
  used.micro_batches = micro_batches.value_or(world);
  micro_ranges(*used.micro_batches, world);
  if (sync_batch_norm && *used.micro_batches != world) {
    throw std::invalid_argument(fmt::format(
        "[distributed] `sync_batch_norm` lets batch norms see the images of all processes, `micro_batches` only "
        "those of a part: with {} parts for {} processes leave one of them out",
        *used.micro_batches, world));
  }
  const bool divides_sums = !micro_batches || reduce == Reduce::kFast || *micro_batches == 1;
  used.micro_batch_threads = std::max(1, micro_batch_threads.value_or(divides_sums ? threads : 1));
  return used;
}

const core::OptionTable& MicroBatchOptions::fields() {
  static const core::OptionTable table(
      "micro_batch",
      {core::field<&MicroBatchOptions::micro_batches>("micro_batches",
                                                      "parts of each batch, which decide the bits of a training: any "
                                                      "number of processes that divides it gives the "
                                                      "same weights; 1 for one process, else one for each process",
                                                      {1, 65536}),
       core::field<&MicroBatchOptions::micro_batch_threads>(
           "micro_batch_threads",
           "CPU threads that compute one micro-batch, which decide bits, too: 1 with `micro_batches`, otherwise all of "
           "the process",
           {1, 4096}),
       core::field<&MicroBatchOptions::reduce>(
           "reduce",
           "how gradients of several processes are added: exact (in one order for any number of processes) or fast (in "
           "the order of a ring)"),
       core::field<&MicroBatchOptions::sync_batch_norm>(
           "sync_batch_norm",
           "batch norms see the images of all processes, not only their own: for batches of a few images for each")});
  return table;
}

}  // namespace margay::train
