#include "apps/cli/service_manager.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

namespace margay::cli {
namespace {

// A signal handler can reach nothing but globals.
std::atomic<bool> service_stop_wanted = false;
std::atomic<bool> service_reload_wanted = false;
std::atomic<int> signal_event = -1;

void wake_service() {
  const int kept = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(signal_event, &one, sizeof(one));
  errno = kept;
}

void ask_service_to_stop(int /*signal*/) {
  service_stop_wanted = true;
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  wake_service();
}

void ask_service_to_reload(int /*signal*/) {
  service_reload_wanted = true;
  wake_service();
}

void handle_signal(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

std::optional<long> number_of(const char* variable) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  if (text == nullptr) return std::nullopt;
  long number = 0;
  const auto [end, problem] = std::from_chars(text, text + std::strlen(text), number);
  return problem == std::errc{} && *end == '\0' ? std::optional(number) : std::nullopt;
}

}  // namespace

void listen_for_service_signals() {
  service_stop_wanted = false;
  service_reload_wanted = false;
  if (signal_event < 0) signal_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signal_event < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  handle_signal(SIGTERM, ask_service_to_stop);
  handle_signal(SIGINT, ask_service_to_stop);
  handle_signal(SIGHUP, ask_service_to_reload);
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&held, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
}

ServiceSignal wait_for_signal(std::chrono::milliseconds timeout) {
  pollfd event = {.fd = signal_event, .events = POLLIN, .revents = 0};
  if (!service_stop_wanted && !service_reload_wanted) ::poll(&event, 1, static_cast<int>(timeout.count()));
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t emptied = ::read(signal_event, &count, sizeof(count));
  if (service_stop_wanted) return ServiceSignal::kStop;
  return service_reload_wanted.exchange(false) ? ServiceSignal::kReload : ServiceSignal::kNone;
}

std::vector<int> inherited_sockets() {
  constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
  constexpr long kMost = 64;
  const auto process = number_of("LISTEN_PID");
  const auto count = number_of("LISTEN_FDS");
  if (!process || *process != ::getpid() || !count || *count < 1 || *count > kMost) return {};
  std::vector<int> sockets;
  for (int socket = kFirst; socket < kFirst + *count; ++socket) {
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
    sockets.push_back(socket);
  }
  return sockets;
}

void notify_service_manager(const std::string& state) {
  const char* place = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  const std::string_view path = place == nullptr ? "" : place;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) return;
  path.copy(address.sun_path, path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
  ::close(socket);
}

}  // namespace margay::cli
