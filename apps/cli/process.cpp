#include "apps/cli/process.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "apps/cli/command.h"
#include "apps/cli/launch.h"
#include "apps/cli/progress_line.h"
#include "margay/core/text.h"
#include "margay/data/loader/batch.h"
#include "margay/model/cpu_memory.h"

namespace margay::cli {

const core::OptionTable& ThreadOptions::fields() {
  static const core::OptionTable table(
      "threads",
      {core::field<&ThreadOptions::threads>(
           "threads",
           "threads that compute, load and check; by default OMP_NUM_THREADS, or one for each CPU that this process "
           "may use",
           {1, 4096}),
       core::field<&ThreadOptions::pin_threads>(
           "pin_threads",
           "keep each thread that computes on a CPU of its own, which no other margay has taken: auto (if there is one "
           "for every CPU), yes, no")});
  return table;
}

namespace {

/// The first number of OMP_NUM_THREADS's list, one for each level of nesting; nothing for another text.
std::optional<int> first_level(const std::string& text) {
  std::istringstream levels(text);
  long long threads = 0;
  if (!(levels >> threads) || threads < 1 || threads > 4096) return std::nullopt;
  char next = ',';
  levels >> next;
  return next == ',' ? std::optional(static_cast<int>(threads)) : std::nullopt;
}

std::string share_text(const core::CpuShare& share, int machine_cpus) {
  if (share.limit && *share.limit < share.allowed) {
    return fmt::format("the control group grants {:g} of {} CPUs", *share.limit, share.allowed);
  }
  if (share.allowed < machine_cpus) {
    return fmt::format("one for each CPU that this process may use, of {}", machine_cpus);
  }
  return "one for each CPU";
}

std::string crowd_warning(int threads, const core::CpuShare& share) {
  if (threads <= share.cpus()) return "";
  const std::string cpus = share.limit && *share.limit < share.allowed
                               ? fmt::format("{:g} CPUs, which the control group grants", *share.limit)
                               : fmt::format("{} CPU{}", share.allowed, share.allowed == 1 ? "" : "s");
  return fmt::format("{} threads share {}, and wait for each other; --threads {} is faster", threads, cpus,
                     share.cpus());
}

}  // namespace

core::CpuShare share_among(int processes, const core::CpuShare& own, int launchers_cpus) {
  core::CpuShare share = own;
  share.allowed = std::min(own.allowed, std::max(1, launchers_cpus / processes));
  if (share.limit) *share.limit /= processes;
  return share;
}

ThreadChoice choose_threads(std::optional<int> threads, const ThreadVariables& variables, const core::CpuShare& share,
                            int machine_cpus) {
  if (threads) return {*threads, "as --threads says", crowd_warning(*threads, share)};
  std::string ignored;
  for (const auto& [name, value] : {std::pair{"OMP_NUM_THREADS", variables.omp_num_threads},
                                    std::pair{"MKL_NUM_THREADS", variables.mkl_num_threads}}) {
    if (value.empty()) continue;
    const std::optional<int> number = first_level(value);
    if (number) return {*number, fmt::format("as {} says", name), crowd_warning(*number, share)};
    ignored = fmt::format("{} is '{}', which is no number of threads, and is ignored", name, core::one_line(value));
  }
  return {share.cpus(), share_text(share, machine_cpus), ignored};
}

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  return value == nullptr ? "" : value;
}

// What the threads of the process are, like LibTorch's own number of them.
std::string running_threads;

int launchers_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(::getppid(), sizeof(set), &set) == 0 ? CPU_COUNT(&set) : core::cpu_share().allowed;
}

ThreadChoice set_threads(const ThreadOptions& options, const LaunchOptions* launch = nullptr) {
  core::validate(options);
  model::allow_openmp_places();
  const int processes = launch == nullptr ? 1 : read_launch(*launch, launch_variables()).local_world;
  ThreadChoice choice = choose_threads(options.threads, {variable("OMP_NUM_THREADS"), variable("MKL_NUM_THREADS")},
                                       share_among(processes, core::cpu_share(), launchers_cpus()),
                                       static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  if (!choice.warning.empty()) warn(choice.warning);
  core::set_default_threads(choice.threads);
  running_threads = fmt::format("{} thread{}: {}", choice.threads, choice.threads == 1 ? "" : "s", choice.reason);
  return choice;
}

/// A command that does its work once would do it as often as there are processes, into the same files.
void refuse_several_processes() {
  Launch launch;
  try {
    launch = read_launch({}, launch_variables());
  } catch (const std::invalid_argument&) {
    return;  // variables of something else, which this command never needed
  }
  if (launch.is_one()) return;
  throw UsageError(
      fmt::format("this command works in one process, but this is {}; start it without the launcher", text_of(launch)));
}

void prepare_to_compute(const ThreadOptions& options, const LaunchOptions* launch = nullptr) {
  if (launch == nullptr) refuse_several_processes();
  const ThreadChoice choice = set_threads(options, launch);
  const std::vector<int> cpus = model::use_cpu_threads(choice.threads, options.pin_threads);
  if (!cpus.empty()) running_threads += choice.threads == 1 ? ", pinned" : ", each pinned";
  if (cpus.empty() && options.pin_threads == model::ThreadPlacement::kAnywhere) {
    warn(fmt::format(
        "--pin-threads yes: another margay or OpenMP has pinned threads to so many CPUs that {} free one{} not left; "
        "these threads are not pinned",
        choice.threads, choice.threads == 1 ? " is" : "s are"));
  }
  model::keep_cpu_memory();
  data::keep_image_memory();
}

}  // namespace

std::string threads_text() { return running_threads; }

void takes_threads(Command& command) {
  const auto options = std::make_shared<ThreadOptions>();
  command.flags(*options, {{"threads.pin_threads", ""}});
  command.prepares([options] { set_threads(*options); });
}

void takes_compute_threads(Command& command, std::shared_ptr<const LaunchOptions> launch) {
  const auto options = std::make_shared<ThreadOptions>();
  command.flags(*options);
  command.prepares([options, launch = std::move(launch)] { prepare_to_compute(*options, launch.get()); });
}

void takes_unpinned_compute_threads(Command& command) {
  const auto options = std::make_shared<ThreadOptions>();
  options->pin_threads = model::ThreadPlacement::kFree;
  command.flags(*options, {{"threads.pin_threads", ""}});
  command.prepares([options] { prepare_to_compute(*options); });
}

namespace {

// A signal handler can reach nothing but globals.
std::atomic<int> stopped_by = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void ask_to_stop(int signal) {
  stopped_by = signal;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void listen_for_stop() {
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGUSR1, ask_to_stop);  // what a cluster sends before the time is up (sbatch --signal=USR1@120)
  if (std::signal(SIGHUP, ask_to_stop) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // nohup
}

void forget_stop() { stopped_by = 0; }

bool is_stop_wanted() { return stopped_by != 0; }

int stop_signal() { return stopped_by; }

std::filesystem::path user_cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  if (cache != nullptr && *cache != '\0') return std::filesystem::path(cache) / "margay";
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  if (home != nullptr && *home != '\0') return std::filesystem::path(home) / ".cache" / "margay";
  return {};
}

}  // namespace margay::cli
