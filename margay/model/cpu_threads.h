#pragma once

namespace margay::model {

/// Lets LibTorch use n >= 1 CPU threads inside an operation. Debian's LibTorch starts with 1. A good n is
/// core::available_cpus(). Call it once at start, and in each thread of one's own that runs operations: OpenMP, which
/// oneDNN asks, counts per thread.
void use_cpu_threads(int n);

}  // namespace margay::model
