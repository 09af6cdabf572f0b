#pragma once

namespace margay::model {

/// Lets LibTorch use n >= 1 CPU threads inside an operation, for the whole process (OpenMP's count too: some builds
/// keep two). Debian's LibTorch starts with 1. Call it once at start; a good n is core::available_cpus().
void use_cpu_threads(int n);

}  // namespace margay::model
