#include "apps/cli/processes.h"

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <sched.h>
#include <sys/syscall.h>
#include <torch/cuda.h>
#include <unistd.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "margay/collective/heartbeat.h"
#include "margay/collective/host_address.h"
#include "margay/core/checksum.h"
#include "margay/core/machine.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1e3));
}

std::string hosts_text(const std::vector<std::string>& hosts) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < hosts.size();) {
    std::size_t end = begin + 1;
    while (end < hosts.size() && hosts[end] == hosts[begin]) ++end;
    parts.push_back(end - begin == 1 ? fmt::format("rank {} on {}", begin, hosts[begin])
                                     : fmt::format("ranks {}-{} on {}", begin, end - 1, hosts[begin]));
    begin = end;
  }
  return fmt::format("{} processes: {}", hosts.size(), core::joined(parts, ", "));
}

/// Whether the error says no more than that the group is of no use, so that the heartbeat knows better.
bool is_of_others(const std::exception& error) {
  return dynamic_cast<const collective::ProcessLost*>(&error) != nullptr ||
         dynamic_cast<const collective::GroupInterrupted*>(&error) != nullptr;
}

/// Whether this process must say what it knows of a loss, since rank 0 does not.
bool must_say(const collective::Loss& loss, int rank) {
  return rank == 0 || rank == loss.process.rank || !loss.process.is_known_to_first();
}

/// The program ends when all its threads have, and those at idle priority, which load images, get no processor beside
/// other busy programs for half a minute. Ordinary users may not raise them.
void raise_idle_threads() {
  std::error_code none;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", none)) {
    const sched_param no_priority{};
    ::sched_setscheduler(std::atoi(thread.path().filename().c_str()), SCHED_OTHER, &no_priority);
  }
}

/// Ends the program in the middle of what it does, as a kill would: what it waits for may take long.
[[noreturn]] void end_at_once(const collective::Loss& loss, int rank) {
  if (must_say(loss, rank)) {
    if (can_rewrite_lines(STDERR_FILENO)) Output(STDERR_FILENO).write_at_once("\r\x1b[K");  // a progress line
    complain_at_once(program_words(loss.reason));
  }
  raise_idle_threads();
  std::_Exit(static_cast<int>(core::ExitCode::kFailed));
}

std::terminate_handler usual_end = nullptr;

/// A thread of LibTorch 1.13's store throws what nobody can catch when the connection is reset, as where rank 0 is
/// killed. Those that use the store learn of it by themselves, so only that thread ends.
[[noreturn]] void end_thread_of_store() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::connection_reset) ::syscall(SYS_exit, 0);
  } catch (...) {  // a fault of the program
  }
  usual_end();
  std::abort();
}

/// torchrun calls a run "none" that was given no name. Its agent's store lives as long as it starts processes again, so
/// a name in it tells this start from others.
Launch with_id(const Launch& launch) {
  Launch named = launch;
  if (!launch.id.empty() || !launch.is_store_running) return named;
  collective::ProcessGroupOptions options = group_options(launch);
  options.run = "start";
  const auto store = collective::connect_store(options);
  if (launch.rank == 0 && !store->find("name")) {
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    store->set("name", fmt::format("torchrun-{}-{:x}", core::host_name(), now));
  }
  const auto name = store->wait("name", options.join_timeout);
  if (!name) {
    throw core::Error(fmt::format("rank 0 has not come to the store at {}:{} within {} s", launch.host, launch.port,
                                  options.join_timeout.count() / 1000));
  }
  named.id = *name;
  return named;
}

/// What one process has to say when work together has failed.
class FailedWork {
 public:
  FailedWork(collective::Heartbeat& heartbeat, int rank) : heartbeat_(heartbeat), rank_(rank) {}

  /// Called while the error is handled; gives the exit code where there is nothing more to say.
  core::ExitCode end(const std::exception& error) {
    if (is_of_others(error)) return end_without_others(error.what());
    // What all processes find out alike, such as options that differ, is said once.
    constexpr std::chrono::milliseconds kUntilFirstHasSaidIt{2500};
    const auto loss = rank_ == 0 ? std::nullopt : heartbeat_.wait_for_loss(kUntilFirstHasSaidIt);
    heartbeat_.leave(collective::Leaving::kFailed, error.what());
    if (loss && loss->process.has_said(error.what())) return core::exit_code(error);
    throw;
  }

 private:
  core::ExitCode end_without_others(const std::string& error) {
    const std::string reason = heartbeat_.explain(error);
    const auto loss = heartbeat_.loss();
    heartbeat_.leave(collective::Leaving::kFailed, reason);
    if (loss && !must_say(*loss, rank_)) return core::ExitCode::kFailed;
    throw core::Error(reason);
  }

  collective::Heartbeat& heartbeat_;
  int rank_;
};

}  // namespace

std::shared_ptr<LaunchOptions> takes_processes(Command& command) {
  auto options = std::make_shared<LaunchOptions>();
  options->command = command.name();
  command.flags(*options);
  return options;
}

namespace {

collective::Backend usual_backend() {
  using enum collective::Backend;
  return collective::has_backend(kNccl) && torch::cuda::is_available() ? kNccl : kGloo;
}

}  // namespace

collective::ProcessGroupOptions group_options(const Launch& launch) {
  using enum collective::StoreOwner;
  return {.rank = launch.rank,
          .world = launch.world,
          .local_rank = launch.local_rank,
          .host = launch.host,
          .port = static_cast<std::uint16_t>(launch.port),
          .store_owner = launch.is_store_running ? kLauncher : kFirstRank,
          .run = fmt::format("{}/{}", launch.id, launch.restarts),
          .backend = launch.backend.value_or(usual_backend()),
          .interface = launch.interface,
          .join_timeout = milliseconds_of(launch.join_seconds),
          .wait_timeout = milliseconds_of(launch.wait_minutes * 60)};
}

std::string members_text(collective::Group& group) { return hosts_text(group.gather(core::host_name())); }

std::string program_text() {
  constexpr const char* kSelf = "/proc/self/exe";  // this file, even where another one has taken its place
  constexpr std::size_t kShownDigits = 12;
  return fmt::format("margay {} ({})", MARGAY_VERSION, core::sha256_of_file(kSelf).substr(0, kShownDigits));
}

core::ExitCode work_together(const Launch& given, const JointWork& work, Programs programs) {
  if (!given.warning.empty()) warn(given.warning);
  if (given.is_one()) return work(given, collective::one_process());
  const bool is_first = given.rank == 0;
  if (!is_first) {
    set_speaker(fmt::format("rank {} ({})", given.rank, core::host_name()));
    standard_output().mute();
  }
  if (usual_end == nullptr) usual_end = std::set_terminate(end_thread_of_store);
  const Launch launch = with_id(given);
  const collective::ProcessGroupOptions options = group_options(launch);
  const std::shared_ptr<collective::Group> group = collective::join(options);
  collective::Heartbeat heartbeat(
      collective::connect_store(options), group,
      {.host = core::host_name(),
       .store = collective::address_text(options.host, options.port),
       .store_owner = options.store_owner,
       .lost_after = milliseconds_of(launch.lost_after),
       .is_stop_wanted = [] { return is_stop_wanted(); },
       .on_overdue = [rank = launch.rank](const collective::Loss& loss) { end_at_once(loss, rank); }});
  try {
    std::vector<collective::SameThing> same = {{"the command", "margay " + launch.command}};
    if (programs == Programs::kMustBeSame) same.push_back({"the program", program_text()});
    collective::check_same(*group, same);
    const core::ExitCode code = work(launch, group);
    heartbeat.leave(collective::Leaving::kDone);
    return code;
  } catch (const std::exception& error) {
    return FailedWork(heartbeat, launch.rank).end(error);
  }
}

bool FollowerObserver::is_stop_wanted() const { return cli::is_stop_wanted(); }

void FollowerObserver::warned(const std::string& text) {
  if (has_started_) warn(text);
}

void FollowerObserver::started(const run::Started& /*start*/) {
  has_started_ = true;
  listen_for_stop();
}

}  // namespace margay::cli
