#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/descriptor.h"
#include "margay/core/spawn.h"
#include "margay/core/text.h"
#include "margay/export/runtime.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostComplaint = 2000;  // bytes of standard error that are kept, the last ones
constexpr std::int64_t kAskAgainMs = 100;

/// This process's ends of the three streams of another, and that one's.
struct Streams {
  core::Descriptor input, output, complaints;
  core::Descriptor its_input, its_output, its_complaints;

  /// input is a socket, whose closing by the other side is an error and no signal. False with errno set.
  bool open() {
    std::array<int, 2> in{}, out{}, err{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) != 0) return false;
    input = core::Descriptor(in[0]);
    its_input = core::Descriptor(in[1]);
    if (pipe2(out.data(), O_CLOEXEC) != 0) return false;
    output = core::Descriptor(out[0]);
    its_output = core::Descriptor(out[1]);
    if (pipe2(err.data(), O_CLOEXEC) != 0) return false;
    complaints = core::Descriptor(err[0]);
    its_complaints = core::Descriptor(err[1]);
    return true;
  }
};

/// `sh -c` in a process group of its own: ctrl-C is meant for this process, which ends the group.
core::SpawnOptions shell_of(const std::string& command, const fs::path& onnx, const Streams& streams) {
  return {.program = "/bin/sh",
          .words = {"sh", "-c", command + " \"$0\"", onnx.string()},
          .input = streams.its_input.number(),
          .output = streams.its_output.number(),
          .complaints = streams.its_complaints.number(),
          .group = core::SpawnGroup::kOwn};
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return strsignal(WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code == 127) return "status 127: there is no such command";
  return code > 128 ? fmt::format("{}, status {}", strsignal(code - 128), code) : fmt::format("status {}", code);
}

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && value >= 0 && value < 1e9 ? std::optional(value) : std::nullopt;
}

/// A runner's process. A failure ends it; every later call fails, too.
class RunnerProcess : public Runtime {
 public:
  RunnerProcess(const Runner& runner, const fs::path& onnx) : runner_(runner), name_(runner.name) {
    if (!streams_.open()) {
      throw RuntimeFailure(fmt::format("{} cannot be started ({})", name_, std::generic_category().message(errno)));
    }
    std::error_code failure;
    pid_ = core::spawn(shell_of(runner.command, onnx, streams_), failure);
    if (failure) throw RuntimeFailure(fmt::format("{} cannot be started ({})", name_, failure.message()));
    streams_.its_input.close();
    streams_.its_output.close();
    streams_.its_complaints.close();
    try {
      introduce();
    } catch (...) {
      end();
      throw;
    }
  }
  RunnerProcess(const RunnerProcess&) = delete;
  RunnerProcess& operator=(const RunnerProcess&) = delete;
  ~RunnerProcess() override { end(); }

  std::string name() const override { return name_; }
  std::string version() const override { return version_; }

  RuntimeOutputs run(const std::vector<RuntimeTensor>& inputs) override {
    if (pid_ == 0) throw RuntimeFailure(fmt::format("{} has ended before", name_));
    deadline_ = Clock::now() + runner_.limit;
    send(encode({.notes = {}, .tensors = inputs}));
    TensorMessage message = receive();
    const auto seconds = number_in(message.note("seconds"));
    if (!seconds) {
      fail(fmt::format("sends a message whose note 'seconds' is no number: '{}'",
                       core::spelled_out(message.note("seconds"))));
    }
    return {.runtime = name_, .tensors = std::move(message.tensors), .seconds = *seconds};
  }

 private:
  using Clock = std::chrono::steady_clock;

  void introduce() {
    deadline_ = Clock::now() + runner_.limit;
    const TensorMessage hello = receive();
    if (hello.note("margay_runner") != "1") {
      fail("does not begin with a message whose note 'margay_runner' is 1; it must introduce itself");
    }
    if (!hello.note("name").empty()) name_ = core::one_line(core::valid_utf8(hello.note("name"))).substr(0, 100);
    version_ = core::one_line(core::valid_utf8(hello.note("version"))).substr(0, 100);
  }

  /// The message that the runner writes next; what it says is an error is thrown as one.
  TensorMessage receive() {
    TensorMessage message;
    try {
      message = read_message([this](std::span<std::uint8_t> to) { read(to); });
    } catch (const core::Error& problem) {
      if (pid_ == 0) throw;  // it has failed, or nobody waits for it
      fail(fmt::format("cannot be understood: {}; it begins with '{}'", problem.what(), core::spelled_out(begin_)));
    }
    begin_.clear();  // what was understood explains no later failure
    if (message.notes.contains("error")) {
      fail(fmt::format("says: {}", core::one_line(core::valid_utf8(message.note("error")))));
    }
    return message;
  }

  /// Waits until the descriptor is ready, and meanwhile keeps what the runner complains of.
  void wait_until(int descriptor, short event) {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0) {
        fail(fmt::format("has not answered for {} s, so it was ended",
                         std::chrono::duration<double>(runner_.limit).count()));
      }
      std::array<pollfd, 2> ready = {pollfd{.fd = descriptor, .events = event, .revents = 0},
                                     pollfd{.fd = streams_.complaints.number(), .events = POLLIN, .revents = 0}};
      const int events = poll(ready.data(), ready.size(), static_cast<int>(std::min(left, kAskAgainMs)));
      if (events <= 0) {
        ask_whether_to_wait();
        continue;
      }
      if (ready[1].revents != 0) keep_complaints();
      if (ready[0].revents != 0) return;
    }
  }

  void ask_whether_to_wait() {
    if (!runner_.on_wait) return;
    try {
      runner_.on_wait();
    } catch (...) {
      end();
      throw;
    }
  }

  void keep_complaints() {
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(streams_.complaints.number(), bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) return streams_.complaints.close();  // poll passes over -1
    complaint_.append(bytes.data(), static_cast<std::size_t>(got));
    if (complaint_.size() > kMostComplaint) complaint_.erase(0, complaint_.size() - kMostComplaint);
  }

  void read(std::span<std::uint8_t> to) {
    while (!to.empty()) {
      wait_until(streams_.output.number(), POLLIN);
      const ssize_t got = ::read(streams_.output.number(), to.data(), to.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) fail_as_ended();
      const auto count = static_cast<std::size_t>(got);
      if (begin_.size() < 64) begin_.append(reinterpret_cast<const char*>(to.data()), std::min<std::size_t>(count, 64));
      to = to.subspan(count);
    }
  }

  void send(const std::vector<std::uint8_t>& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      wait_until(streams_.input.number(), POLLOUT);
      const ssize_t sent =
          ::send(streams_.input.number(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (sent < 0) fail_as_ended();
      at += static_cast<std::size_t>(sent);
    }
  }

  /// How the shell's process ended; it is given a second to do so, as its output may be closed a little earlier.
  std::string ending() {
    for (int wait = 0; wait < 100; ++wait) {
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        kill(-pid_, SIGKILL);
        pid_ = 0;
        return how_it_ended(status);
      }
      poll(nullptr, 0, 10);
    }
    return "it closed its end of the pipe and goes on";
  }

  [[noreturn]] void fail_as_ended() {
    while (streams_.complaints.is_open()) {
      pollfd ready{.fd = streams_.complaints.number(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 0) <= 0) break;
      keep_complaints();
    }
    std::string how = ending();
    if (!begin_.empty()) how += fmt::format("; it wrote '{}'", core::spelled_out(begin_));
    fail(fmt::format("broke down ({})", how));
  }

  [[noreturn]] void fail(const std::string& problem) {
    std::string what = fmt::format("{} {}", name_, problem);
    const std::string said = core::one_line(core::valid_utf8(complaint_));
    const std::size_t begin = said.find_first_not_of(' ');
    if (begin != std::string::npos) {
      what += fmt::format("; its last words: {}", said.substr(begin, said.find_last_not_of(' ') + 1 - begin));
    }
    end();
    throw RuntimeFailure(what);
  }

  void end() {
    streams_.input.close();
    if (pid_ == 0) return;
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
  }

  Runner runner_;
  std::string name_;
  std::string version_;
  Streams streams_;
  pid_t pid_ = 0;
  Clock::time_point deadline_;
  std::string begin_;      ///< of the message that is being read
  std::string complaint_;  ///< the end of its standard error
};

}  // namespace

std::unique_ptr<Runtime> start_runner(const Runner& runner, const fs::path& onnx) {
  return std::make_unique<RunnerProcess>(runner, fs::absolute(onnx));
}

}  // namespace margay::exporting
