#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace margay::cli {

/// What a service is asked to do by a signal.
enum class ServiceSignal { kNone, kStop, kReload };

/// From now on SIGTERM and SIGINT ask to stop, once: a second one ends the program at once. SIGHUP asks to reload. What
/// a launcher has held back of them comes now.
void listen_for_service_signals();

/// Waits for a signal, or until the time is over (kNone). A stop that was asked for is told before a reload.
ServiceSignal wait_for_signal(std::chrono::milliseconds timeout);

/// The listening sockets that a service manager has opened for this process (sd_listen_fds(3): LISTEN_PID,
/// LISTEN_FDS), which children do not inherit. None without one.
std::vector<int> inherited_sockets();

/// Tells the service manager something (sd_notify(3)): "READY=1", "STOPPING=1", "STATUS=…"; lines. Does nothing
/// without one (NOTIFY_SOCKET), and ignores one that does not listen.
void notify_service_manager(const std::string& state);

}  // namespace margay::cli
