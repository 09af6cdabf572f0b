#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "margay/core/options.h"
#include "margay/core/threads.h"
#include "margay/model/cpu_threads.h"

namespace margay::cli {

class Command;
struct LaunchOptions;

/// How many threads a command uses, and where they run.
struct ThreadOptions {
  std::optional<int> threads;
  model::ThreadPlacement pin_threads = model::ThreadPlacement::kPinned;

  static const core::OptionTable& fields();
};

/// What the environment says about threads: the values of its variables, "" for those that are not set.
struct ThreadVariables {
  std::string omp_num_threads;
  std::string mkl_num_threads;
};

/// What each of several processes of one host may use: as many CPUs as the launcher has bound it to, or its share of
/// those that the launcher itself may use, whichever are fewer. launchers_cpus: of the process that started this one.
core::CpuShare share_among(int processes, const core::CpuShare& own, int launchers_cpus);

/// A number of threads, and why it is this one.
struct ThreadChoice {
  int threads = 1;
  std::string reason;   ///< "as --threads says"
  std::string warning;  ///< "" where there is nothing to say
};

/// --threads wins over OMP_NUM_THREADS, that over MKL_NUM_THREADS (the order of PyTorch), those over one thread for
/// each CPU that affinity and control groups leave. machine_cpus: of the machine, whoever may use them.
ThreadChoice choose_threads(std::optional<int> threads, const ThreadVariables& variables, const core::CpuShare& share,
                            int machine_cpus);

/// --threads for a command that reads images; the number is set before the command runs.
void takes_threads(Command& command);

/// --threads and --pin-threads for a command that runs networks. Before it runs, the threads are set up, and tensor
/// memory is kept from then on, which the library leaves to programs. launch: of a command for several processes, which
/// then share the CPUs of their host.
void takes_compute_threads(Command& command, std::shared_ptr<const LaunchOptions> launch = nullptr);

/// --threads for a command that runs networks in threads of its own, such as a server: as takes_compute_threads, but
/// none is pinned, since a thread inherits the CPU of the one that starts it.
void takes_unpinned_compute_threads(Command& command);

/// The threads of the command that runs: "7 threads: the control group grants 7.65 of 8 CPUs".
std::string threads_text();

/// Makes the first ctrl-C, SIGTERM, SIGHUP or SIGUSR1 a request to stop; a second one ends the program at once.
void listen_for_stop();

/// Clears a request to stop, before the next command in the same process.
void forget_stop();

/// Whether a stop was requested.
bool is_stop_wanted();

/// The signal that asked for it; 0: none did.
int stop_signal();

/// XDG Base Directory Specification: $XDG_CACHE_HOME/margay, or ~/.cache/margay; empty without a home.
std::filesystem::path user_cache_folder();

}  // namespace margay::cli
