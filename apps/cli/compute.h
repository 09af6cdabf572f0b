#pragma once

namespace margay::cli {

/// What this program, as opposed to the library, chooses for a process that runs networks: one compute thread on each
/// core, and tensor memory that is kept. Images are decoded by the loader's threads, so OpenCV starts none.
void prepare_to_compute();

}  // namespace margay::cli
