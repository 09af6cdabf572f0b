#pragma once

namespace margay::cli {

/// From now on the first ctrl-C, SIGTERM or SIGHUP only asks to stop; a second one ends the program at once.
void listen_for_stop();

/// A stop that was asked of an earlier command is none of the next one's in the same process.
void forget_stop();

/// Whether one came.
bool is_stop_wanted();

}  // namespace margay::cli
