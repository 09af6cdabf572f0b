#include "margay/data/image/heif_decoder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

constexpr const char* kHeifProgram = "margay-decode-heif";

/// Where and how urgently a thread runs, which processes that it starts inherit and may not always change.
struct Placement {
  int policy = 0;
  int nice = 0;
  cpu_set_t cpus{};

  bool operator==(const Placement& other) const {
    return policy == other.policy && nice == other.nice && CPU_EQUAL(&cpus, &other.cpus);
  }
};

Placement placement_of_this_thread() {
  Placement here;
  here.policy = sched_getscheduler(0);
  here.nice = getpriority(PRIO_PROCESS, 0);
  sched_getaffinity(0, sizeof here.cpus, &here.cpus);
  return here;
}

fs::path heif_program(const HeifDecoderOptions& options) {
  if (!options.program.empty()) return options.program;
  const std::vector<fs::path> places = heif_decoder_places();
  std::error_code ignored;
  for (const fs::path& place : places) {
    if (fs::exists(place, ignored)) return place;
  }
  std::string folders;
  for (const fs::path& place : places) folders += (folders.empty() ? "" : ", ") + place.parent_path().string();
  throw NoDecoder(
      fmt::format("HEIC and AVIF are decoded by the program {}, which is in none of {}; install Margay again",
                  kHeifProgram, folders));
}

/// Ctrl-C and its like are meant for the process that trains: it stops when it is ready, and the decoder with it.
sigset_t signals_of_the_terminal() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2}) {
    sigaddset(&set, signal);
  }
  return set;
}

/// What stops an image when it must stop, whatever this process does with such signals.
sigset_t signals_of_faults() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGXCPU, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) sigaddset(&set, signal);
  return set;
}

/// Starts `program` with `socket` as its standard input and nothing else open. 0, or the error's number.
int spawn(const fs::path& program, int socket, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  const sigset_t blocked = signals_of_the_terminal();
  const sigset_t usual = signals_of_faults();
  posix_spawnattr_setsigmask(&attributes, &blocked);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = kHeifProgram;
  std::array<char*, 2> arguments = {name.data(), nullptr};
  const int error = posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// One process that decodes, and the socket to it.
class HeifProcess {
 public:
  explicit HeifProcess(const HeifDecoderOptions& options);
  HeifProcess(const HeifProcess&) = delete;
  HeifProcess& operator=(const HeifProcess&) = delete;
  ~HeifProcess();

  bool runs_as(const Placement& placement) const { return placement_ == placement; }
  /// False once it has ended or said what nobody asked for.
  bool is_ready() const;
  HeifReply ask(const HeifRequest& request, Bytes file);
  /// What follows a reply.
  void read(std::uint8_t* to, std::size_t count);
  /// Of a copy of this process (fork) that must leave the decoder to the original.
  void abandon() { pid_ = 0; }

 private:
  [[noreturn]] void fail_as_ended();
  [[noreturn]] void fail_as_stuck();
  void send(const void* from, std::size_t count);
  void wait_until(short event);
  std::int64_t cpu_time_ns() const;

  Placement placement_ = placement_of_this_thread();
  std::chrono::milliseconds idle_limit_;
  pid_t pid_ = 0;
  int socket_ = -1;
};

HeifProcess::HeifProcess(const HeifDecoderOptions& options) : idle_limit_(options.idle_limit) {
  const fs::path program = heif_program(options);
  std::array<int, 2> ends{};
  const auto reason = [](int error) { return std::generic_category().message(error); };
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw NoDecoder(fmt::format("no decoder for HEIC and AVIF can be reached ({})", reason(errno)));
  }
  socket_ = ends[0];
  const int error = spawn(program, ends[1], pid_);
  close(ends[1]);
  if (error == 0) return;
  close(socket_);
  throw NoDecoder(fmt::format("the decoder of HEIC and AVIF, {}, cannot be started ({}); install Margay again",
                              program.string(), reason(error)));
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

HeifReply HeifProcess::ask(const HeifRequest& request, Bytes file) {
  send(&request, sizeof request);
  send(file.data(), file.size());
  HeifReply reply;
  read(reinterpret_cast<std::uint8_t*>(&reply), sizeof reply);
  if (reply.magic == HeifRequest::kMagic) return reply;
  throw NoDecoder("the decoder of HEIC and AVIF is of another version of Margay; install Margay again");
}

/// The processes of this process that wait for an image. One that fails an image is never kept.
class HeifProcesses {
 public:
  static HeifProcesses& all() {
    static auto* processes = new HeifProcesses;  // threads may still read images while the program ends
    return *processes;
  }

  void use(const HeifDecoderOptions& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
    ++version_;
    waiting_.clear();
  }

  /// What `talk` returns, which gets a process that nobody else uses meanwhile.
  template <class Talk>
  auto with_one(Talk&& talk) {
    auto [process, version] = take();
    auto result = talk(*process);
    give_back(std::move(process), version);
    return result;
  }

 private:
  std::pair<std::unique_ptr<HeifProcess>, int> take();
  void give_back(std::unique_ptr<HeifProcess> process, int version);
  void leave_those_of_the_parent();

  std::mutex mutex_;
  HeifDecoderOptions options_;
  int version_ = 0;  ///< of the options
  pid_t owner_ = getpid();
  std::vector<std::unique_ptr<HeifProcess>> waiting_;
};

/// After fork() without exec(): the decoders belong to the process that started them.
void HeifProcesses::leave_those_of_the_parent() {
  if (owner_ == getpid()) return;
  owner_ = getpid();
  for (const auto& process : waiting_) process->abandon();
  waiting_.clear();
}

std::pair<std::unique_ptr<HeifProcess>, int> HeifProcesses::take() {
  const Placement here = placement_of_this_thread();
  HeifDecoderOptions options;
  int version = 0;
  {
    const std::lock_guard lock(mutex_);
    leave_those_of_the_parent();
    std::erase_if(waiting_, [](const auto& process) { return !process->is_ready(); });
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& process) { return process->runs_as(here); });
    if (found != waiting_.end()) {
      std::unique_ptr<HeifProcess> process = std::move(*found);
      waiting_.erase(found);
      return {std::move(process), version_};
    }
    options = options_;
    version = version_;
  }
  return {std::make_unique<HeifProcess>(options), version};
}

void HeifProcesses::give_back(std::unique_ptr<HeifProcess> process, int version) {
  const std::lock_guard lock(mutex_);
  if (version == version_) waiting_.push_back(std::move(process));
}

/// What a process replied. A problem that it told leaves it as good as before.
struct HeifImage {
  std::string problem;
  bool lacks_decoder = false;
  ImageSize size;
  core::Image image;
};

/// max_pixels: 0 for the size alone.
HeifImage ask_for(HeifProcess& process, Bytes file, std::int64_t max_pixels) {
  constexpr std::uint64_t kLongestText = 4096;
  const HeifReply reply = process.ask({.max_pixels = max_pixels, .bytes = file.size()}, file);
  HeifImage result{.lacks_decoder = reply.lacks_decoder != 0, .size = {reply.height, reply.width}};
  if (reply.height <= 0) {
    result.problem.resize(std::min(reply.bytes, kLongestText));
    process.read(reinterpret_cast<std::uint8_t*>(result.problem.data()), result.problem.size());
  } else if (max_pixels > 0) {
    check_size(result.size, max_pixels);
    result.image = core::Image(static_cast<int>(reply.height), static_cast<int>(reply.width));
    process.read(result.image.pixels.data(), result.image.pixels.size());
  }
  return result;
}

HeifImage heif_image(Bytes file, std::int64_t max_pixels) {
  HeifImage result =
      HeifProcesses::all().with_one([&](HeifProcess& process) { return ask_for(process, file, max_pixels); });
  if (result.lacks_decoder) throw NoDecoder(result.problem);
  if (result.size.height <= 0) throw DecodeFailure(result.problem);
  return result;
}

}  // namespace

void use_heif_decoder(const HeifDecoderOptions& options) {
  if (options.idle_limit.count() < 1) {
    throw std::invalid_argument(
        fmt::format("[use_heif_decoder] idle_limit must be at least 1 ms, got {}", options.idle_limit.count()));
  }
  HeifProcesses::all().use(options);
}

core::Image decode_heif(Bytes bytes, std::int64_t max_pixels) { return heif_image(bytes, max_pixels).image; }

ImageSize heif_size(Bytes bytes) { return heif_image(bytes, 0).size; }

std::vector<fs::path> heif_decoder_places() {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<fs::path> places;
  if (!error) places = {here / kHeifProgram, here.parent_path() / "libexec" / "margay" / kHeifProgram};
  places.push_back(fs::path(MARGAY_LIBEXEC) / kHeifProgram);
  return places;
}

}  // namespace margay::data
