#include "margay/data/image/heif_process.h"

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/spawn.h"
#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// Ctrl-C and its like are meant for the process that trains: it stops when it is ready, and the decoder with it.
std::vector<int> signals_of_the_terminal() {
  return {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
}

}  // namespace

Placement placement_of_this_thread() {
  Placement here;
  here.policy = sched_getscheduler(0);
  here.nice = getpriority(PRIO_PROCESS, 0);
  sched_getaffinity(0, sizeof here.cpus, &here.cpus);
  return here;
}

HeifProcess::HeifProcess(const fs::path& program, std::chrono::milliseconds idle_limit) : idle_limit_(idle_limit) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw NoDecoder(
        fmt::format("no decoder for HEIC and AVIF can be reached ({})", std::generic_category().message(errno)));
  }
  socket_ = ends[0];
  std::error_code failure;
  pid_ = core::spawn({.program = program,
                      .words = {program.filename().string()},
                      .input = ends[1],
                      .blocked_signals = signals_of_the_terminal()},
                     failure);
  close(ends[1]);
  if (!failure) return;
  close(socket_);
  throw NoDecoder(fmt::format("the decoder of HEIC and AVIF, {}, cannot be started ({}); install Margay again",
                              program.string(), failure.message()));
}

/// A process that waits ends by itself when its socket closes; any other is stopped.
HeifProcess::~HeifProcess() {
  close(socket_);
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool HeifProcess::is_ready() const {
  pollfd here{.fd = socket_, .events = POLLIN, .revents = 0};
  return poll(&here, 1, 0) == 0;
}

/// The process's own clock; -1 where it is gone.
std::int64_t HeifProcess::cpu_time_ns() const {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) return -1;
  return used.tv_sec * std::int64_t{1'000'000'000} + used.tv_nsec;
}

/// Time is counted in short waits, so that the hours for which both processes were stopped (ctrl-Z) are one of them.
void HeifProcess::wait_until(short event) {
  constexpr int kWaits = 20;
  const int wait_ms = static_cast<int>(std::clamp<std::int64_t>(idle_limit_.count() / kWaits, 1, 5000));
  std::int64_t used_ns = cpu_time_ns();
  for (std::int64_t idle_ms = 0; idle_ms < idle_limit_.count();) {
    pollfd here{.fd = socket_, .events = event, .revents = 0};
    const int ready = poll(&here, 1, wait_ms);
    if (ready > 0) return;
    if (ready < 0) continue;  // a signal
    const std::int64_t now_ns = cpu_time_ns();
    idle_ms = now_ns == used_ns ? idle_ms + wait_ms : 0;
    used_ns = now_ns;
  }
  fail_as_stuck();
}

void HeifProcess::fail_as_stuck() {
  throw DecodeFailure(fmt::format("a HEIC or AVIF whose decoder hangs: nothing for {} s; it was stopped",
                                  static_cast<double>(idle_limit_.count()) / 1000));
}

void HeifProcess::fail_as_ended() {
  int status = 0;
  pid_t ended = 0;
  kill(pid_, SIGKILL);  // in case it only closed its end
  do {
    ended = waitpid(pid_, &status, 0);
  } while (ended < 0 && errno == EINTR);
  const bool is_known = ended == std::exchange(pid_, 0);
  std::string how = "it is gone";
  if (is_known && WIFEXITED(status)) how = fmt::format("it ended with status {}", WEXITSTATUS(status));
  if (is_known && WIFSIGNALED(status)) how = strsignal(WTERMSIG(status));
  if (is_known && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) how = "it takes more time than its size explains";
  if (is_known && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) how += ", as the system does when memory ends";
  throw DecodeFailure(fmt::format("a HEIC or AVIF whose decoder breaks down ({})", how));
}

void HeifProcess::send(const void* from, std::size_t count) {
  const auto* bytes = static_cast<const char*>(from);
  while (count > 0) {
    wait_until(POLLOUT);
    const ssize_t sent = ::send(socket_, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) fail_as_ended();
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
}

void HeifProcess::read(std::uint8_t* to, std::size_t count) {
  while (count > 0) {
    wait_until(POLLIN);
    const ssize_t got = recv(socket_, to, count, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) fail_as_ended();
    to += got;
    count -= static_cast<std::size_t>(got);
  }
}

HeifReply HeifProcess::ask(const HeifRequest& request, std::span<const std::uint8_t> file) {
  send(&request, sizeof request);
  send(file.data(), file.size());
  HeifReply reply;
  read(reinterpret_cast<std::uint8_t*>(&reply), sizeof reply);
  if (reply.magic == HeifRequest::kMagic) return reply;
  throw NoDecoder("the decoder of HEIC and AVIF is of another version of Margay; install Margay again");
}

}  // namespace margay::data
