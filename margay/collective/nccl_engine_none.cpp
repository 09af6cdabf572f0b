#include "margay/collective/c10d_engine.h"

/// In place of nccl_engine.cpp, where LibTorch was built without CUDA or NCCL's headers are missing.
namespace margay::collective {

c10::intrusive_ptr<Engine> nccl_engine(const EngineOptions& /*options*/) { return {}; }

bool has_nccl_engine() { return false; }

}  // namespace margay::collective
