#pragma once

#include <filesystem>

namespace margay::cli {

/// Sets up a process that runs networks, which the library leaves to programs: one compute thread on each core, and
/// tensor memory that is kept.
void prepare_to_compute();

/// Makes the first ctrl-C, SIGTERM or SIGHUP a request to stop; a second one ends the program at once.
void listen_for_stop();

/// Clears a request to stop, before the next command in the same process.
void forget_stop();

/// Whether a stop was requested.
bool is_stop_wanted();

/// XDG Base Directory Specification: $XDG_CACHE_HOME/margay, or ~/.cache/margay; empty without a home.
std::filesystem::path user_cache_folder();

}  // namespace margay::cli
