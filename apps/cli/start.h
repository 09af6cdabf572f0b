#pragma once

namespace margay::cli {

/// What this program, as opposed to the library, chooses for its process: one compute thread on each core and kept
/// tensor memory.
void start();

}  // namespace margay::cli
