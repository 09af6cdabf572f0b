#pragma once

namespace margay::cli {

/// What this program, as opposed to the library, chooses for a process that runs networks: one compute thread on each
/// core, and tensor memory that is kept. Images are decoded by the loader's threads, so OpenCV starts none.
void prepare_to_compute();

/// From now on the first ctrl-C, SIGTERM or SIGHUP only asks to stop; a second one ends the program at once.
void listen_for_stop();

/// A stop that was asked of an earlier command is none of the next one's in the same process.
void forget_stop();

/// Whether one came.
bool is_stop_wanted();

}  // namespace margay::cli
