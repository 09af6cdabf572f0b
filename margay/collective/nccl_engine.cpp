#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "margay/collective/c10d_engine.h"

namespace margay::collective {

c10::intrusive_ptr<Engine> nccl_engine(const EngineOptions& options) {
  auto nccl = c10d::ProcessGroupNCCL::Options::create();
  nccl->timeout = options.timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(options.store, options.rank, options.world, std::move(nccl));
}

bool has_nccl_engine() { return true; }

}  // namespace margay::collective
