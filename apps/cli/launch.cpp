#include "apps/cli/launch.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/model/precision.h"

namespace margay::cli {

const core::OptionTable& LaunchOptions::fields() {
  static const core::OptionTable table(
      "launch",
      {core::field<&LaunchOptions::master>(
           "master",
           "where the process of rank 0 waits for the others: HOST:PORT; torchrun, or mpirun and srun on one host, say "
           "it themselves"),
       core::field<&LaunchOptions::rank>("rank", "of this process, from 0, where no launcher says it", {0, 65535},
                                         {core::needs({"world"})}),
       core::field<&LaunchOptions::world>(
           "world",
           "the number of processes, where no launcher says it; 1: this process alone, whatever a launcher says",
           {1, 65536}),
       core::field<&LaunchOptions::interface>(
           "interface", "network interfaces between the processes, such as eth0; by default GLOO_SOCKET_IFNAME"),
       core::field<&LaunchOptions::backend>(
           "backend",
           "what adds up gradients: gloo (in main memory) or nccl (on GPUs); by default as the machine has GPUs"),
       core::field<&LaunchOptions::join_seconds>("join_seconds", "how long the processes wait for each other to start",
                                                 {0.1, 86400}),
       core::field<&LaunchOptions::wait_minutes>(
           "wait_minutes",
           "how long one waits for the others while it trains; one that is dead or stopped is found within seconds",
           {0.01, 10080}),
       core::field<&LaunchOptions::lost_after>(
           "lost_after", "how many seconds without a sign of life make a process a lost one", {0.5, 3600})});
  return table;
}

namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw std::invalid_argument(text + "; mend the variables, or give --world 1 to use this process alone");
}

/// Of one process, with the names that messages need.
class LaunchReader {
 public:
  explicit LaunchReader(const Variables& variables) : variables_(variables) {}

  std::string text(const std::string& name) const {
    const auto found = variables_.find(name);
    return found == variables_.end() ? "" : found->second;
  }
  bool has(const std::string& name) const { return !text(name).empty(); }

  std::optional<int> number(const std::string& name, int low = 0) const {
    const std::string value = text(name);
    if (value.empty()) return std::nullopt;
    int number = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (failure != std::errc() || end != value.data() + value.size() || number < low || number > 65536) {
      refuse(fmt::format("{} is '{}', which is no number from {} on", name, core::one_line(value), low));
    }
    return number;
  }

  int number_beside(const std::string& name, const std::string& other, int low = 0) const {
    const std::optional<int> value = number(name, low);
    if (!value) refuse(fmt::format("{} is set, but {} is not", other, name));
    return *value;
  }

  /// Rank and size by the names of a launcher's variables.
  void read_place(Launch& launch, const std::string& rank, const std::string& world) const {
    launch.rank = number_beside(rank, world);
    launch.world = number_beside(world, rank, 1);
    if (launch.rank < launch.world) return;
    refuse(fmt::format("{} is {}, but {} is {}, so ranks go from 0 to {}", rank, launch.rank, world, launch.world,
                       launch.world - 1));
  }

  void read_local_place(Launch& launch, const std::string& rank, const std::string& world) const {
    launch.local_rank = number(rank).value_or(0);
    launch.local_world = number(world, 1).value_or(1);
    if (!has(world) || launch.local_rank < launch.local_world) return;
    refuse(fmt::format("{} is {}, but {} is {}", rank, launch.local_rank, world, launch.local_world));
  }

  void refuse_another(const std::string& name, int value, const std::string& other) const {
    const std::optional<int> theirs = number(other);
    if (theirs && *theirs != value) {
      refuse(fmt::format("{} is {}, but {} is {}: two launchers, or one left over in the environment", name, value,
                         other, *theirs));
    }
  }

 private:
  const Variables& variables_;
};

constexpr int kFirstOwnPort = 10000;
constexpr std::uint32_t kOwnPorts = 20000;  ///< below those that Linux gives to connections, 32768 and above

/// FNV-1a (Fowler, Noll, Vo 1991): the same in every process, which std::hash need not be.
int port_of(const std::string& id) {
  std::uint32_t hash = 2166136261U;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return kFirstOwnPort + static_cast<int>(hash % kOwnPorts);
}

void read_address(Launch& launch, const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  int number = 0;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool is_port = failure == std::errc() && end == port.data() + port.size() && number >= 1 && number <= 65535;
  if (host.empty() || !is_port) {
    throw std::invalid_argument(
        fmt::format("--master is HOST:PORT, such as 10.0.0.1:29500, got '{}'", core::one_line(address)));
  }
  launch.host = host;
  launch.port = number;
}

bool is_this_host(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

Launch of_torchrun(const LaunchReader& read) {
  Launch launch{.launcher = read.has("TORCHELASTIC_RUN_ID") ? Launcher::kTorchrun : Launcher::kVariables};
  read.read_place(launch, "RANK", "WORLD_SIZE");
  read.read_local_place(launch, "LOCAL_RANK", "LOCAL_WORLD_SIZE");
  if (launch.launcher == Launcher::kVariables) {  // torchrun itself may have been started by the others
    read.refuse_another("RANK", launch.rank, "OMPI_COMM_WORLD_RANK");
    read.refuse_another("WORLD_SIZE", launch.world, "OMPI_COMM_WORLD_SIZE");
    if (read.has("SLURM_STEP_NUM_TASKS")) read.refuse_another("RANK", launch.rank, "SLURM_PROCID");
    return launch;
  }
  // The name "none" is what torchrun calls a run whose --rdzv-id was not given.
  if (read.text("TORCHELASTIC_RUN_ID") != "none") launch.id = read.text("TORCHELASTIC_RUN_ID");
  launch.restarts = read.number("TORCHELASTIC_RESTART_COUNT").value_or(0);
  launch.is_store_running = read.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  return launch;
}

Launch of_open_mpi(const LaunchReader& read) {
  Launch launch{.launcher = Launcher::kOpenMpi};
  read.read_place(launch, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
  read.read_local_place(launch, "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE");
  read.refuse_another("OMPI_COMM_WORLD_RANK", launch.rank, "PMIX_RANK");
  launch.id = read.text("PMIX_NAMESPACE");
  return launch;
}

Launch of_mpich(const LaunchReader& read) {
  Launch launch{.launcher = Launcher::kMpich};
  read.read_place(launch, "PMI_RANK", "PMI_SIZE");
  read.read_local_place(launch, "MPI_LOCALRANKID", "MPI_LOCALNRANKS");
  return launch;
}

Launch of_slurm(const LaunchReader& read) {
  Launch launch{.launcher = Launcher::kSlurm};
  read.read_place(launch, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS");
  launch.local_rank = read.number("SLURM_LOCALID").value_or(0);
  const std::string tasks = read.text(read.has("SLURM_STEP_TASKS_PER_NODE") ? "SLURM_STEP_TASKS_PER_NODE"  //
                                                                            : "SLURM_TASKS_PER_NODE");
  launch.local_world = tasks_on_node(tasks, read.number("SLURM_NODEID").value_or(0)).value_or(1);
  const std::string job = read.has("SLURM_JOB_ID") ? read.text("SLURM_JOB_ID") : read.text("SLURM_JOBID");
  if (!job.empty()) launch.id = fmt::format("slurm-{}.{}", job, read.text("SLURM_STEP_ID"));
  // A job that SLURM has put back into its queue runs again under the same id.
  launch.restarts = read.number("SLURM_RESTART_COUNT").value_or(0);
  return launch;
}

Launch by_hand(const LaunchOptions& options) {
  Launch launch{.launcher = Launcher::kHand, .rank = options.rank.value_or(0), .world = *options.world};
  if (launch.rank >= launch.world) {
    throw std::invalid_argument(fmt::format("--rank is {}, but --world is {}, so ranks go from 0 to {}", launch.rank,
                                            launch.world, launch.world - 1));
  }
  return launch;
}

/// In a SLURM job, but not started by srun: what the script of a job does before it.
std::string alone_in_job(const LaunchReader& read) {
  const int tasks = read.number("SLURM_NTASKS").value_or(1);
  if (tasks < 2) return "";
  return fmt::format("SLURM_NTASKS is {}, but this process was not started by srun and works alone; put srun before it",
                     tasks);
}

Launch of_launcher(const LaunchReader& read) {
  if (read.has("RANK") || read.has("WORLD_SIZE") || read.has("TORCHELASTIC_RUN_ID")) return of_torchrun(read);
  if (read.has("OMPI_COMM_WORLD_RANK") || read.has("OMPI_COMM_WORLD_SIZE")) return of_open_mpi(read);
  if (read.has("SLURM_STEP_NUM_TASKS")) return of_slurm(read);
  if (read.has("PMI_RANK") || read.has("PMI_SIZE")) return of_mpich(read);
  if (read.has("PMIX_RANK")) {
    refuse("PMIX_RANK is set, but nothing says how many processes there are (OMPI_COMM_WORLD_SIZE)");
  }
  return {.warning = alone_in_job(read)};
}

void take_variables_address(Launch& launch, const LaunchReader& read) {
  launch.host = read.text("MASTER_ADDR");
  const std::optional<int> port = read.number("MASTER_PORT", 1);
  if (port && *port > 65535) refuse(fmt::format("MASTER_PORT is {}, which is no port", *port));
  if (port) launch.port = *port;
}

/// Where launchers say no address.
void find_address(Launch& launch, const LaunchReader& read) {
  if (launch.launcher == Launcher::kTorchrun || launch.launcher == Launcher::kVariables) {
    refuse(
        fmt::format("RANK and WORLD_SIZE are set, but {} is not", launch.host.empty() ? "MASTER_ADDR" : "MASTER_PORT"));
  }
  if (launch.host.empty() && launch.local_world == launch.world) launch.host = "127.0.0.1";
  if (launch.host.empty() && launch.launcher == Launcher::kSlurm) {
    launch.host = first_host(read.text(read.has("SLURM_STEP_NODELIST") ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST"));
  }
  if (!launch.host.empty() && launch.port == 0 && !launch.id.empty()) launch.port = port_of(launch.id);
  if (!launch.host.empty() && launch.port != 0) return;
  throw std::invalid_argument(fmt::format(
      "nothing says where the process of rank 0 waits for the others: give --master HOST:PORT, the same for "
      "all {} processes, or set MASTER_ADDR and MASTER_PORT",
      launch.world));
}

}  // namespace

Launch read_launch(const LaunchOptions& options, const Variables& variables) {
  const LaunchReader read(variables);
  const std::string given = options.interface.empty() ? read.text("GLOO_SOCKET_IFNAME") : options.interface;
  if (options.world == 1 && options.rank.value_or(0) == 0) return {.interface = given};
  if (options.world && !options.rank) {
    throw std::invalid_argument(
        fmt::format("--world is {}, but nothing says which of the processes this is: give --rank", *options.world));
  }
  Launch launch = options.world ? by_hand(options) : of_launcher(read);
  launch.interface = given;
  launch.backend = options.backend;
  launch.join_seconds = options.join_seconds;
  launch.wait_minutes = options.wait_minutes;
  launch.lost_after = options.lost_after;
  launch.command = options.command;
  if (launch.is_one()) {
    if (!options.master.empty() && launch.launcher == Launcher::kNone) {
      throw std::invalid_argument(
          "--master says where processes meet, but no launcher says which they are: give --rank and --world");
    }
    return launch;
  }
  if (options.master.empty()) {
    take_variables_address(launch, read);
    if (launch.host.empty() || launch.port == 0) find_address(launch, read);
  } else {
    read_address(launch, options.master);
    launch.is_store_running = false;
  }
  if (launch.launcher == Launcher::kHand && is_this_host(launch.host)) {
    launch.local_rank = launch.rank;
    launch.local_world = launch.world;
  }
  return launch;
}

Variables launch_variables() {
  Variables variables;
  for (const char* name : {"RANK",
                           "WORLD_SIZE",
                           "LOCAL_RANK",
                           "LOCAL_WORLD_SIZE",
                           "MASTER_ADDR",
                           "MASTER_PORT",
                           "TORCHELASTIC_RUN_ID",
                           "TORCHELASTIC_RESTART_COUNT",
                           "TORCHELASTIC_USE_AGENT_STORE",
                           "OMPI_COMM_WORLD_RANK",
                           "OMPI_COMM_WORLD_SIZE",
                           "OMPI_COMM_WORLD_LOCAL_RANK",
                           "OMPI_COMM_WORLD_LOCAL_SIZE",
                           "PMIX_RANK",
                           "PMIX_NAMESPACE",
                           "PMI_RANK",
                           "PMI_SIZE",
                           "MPI_LOCALRANKID",
                           "MPI_LOCALNRANKS",
                           "SLURM_PROCID",
                           "SLURM_NTASKS",
                           "SLURM_STEP_NUM_TASKS",
                           "SLURM_LOCALID",
                           "SLURM_NODEID",
                           "SLURM_STEP_TASKS_PER_NODE",
                           "SLURM_TASKS_PER_NODE",
                           "SLURM_JOB_ID",
                           "SLURM_JOBID",
                           "SLURM_STEP_ID",
                           "SLURM_RESTART_COUNT",
                           "SLURM_STEP_NODELIST",
                           "SLURM_JOB_NODELIST",
                           "GLOO_SOCKET_IFNAME"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
    if (value != nullptr && *value != '\0') variables.emplace(name, value);
  }
  return variables;
}

std::string first_host(const std::string& list) {
  const std::size_t end = list.find_first_of(",[");
  if (end == std::string::npos || list[end] == ',') return list.substr(0, end);
  const std::size_t close = list.find(']', end);
  const std::string first = list.substr(end + 1, list.find_first_of(",-]", end) - end - 1);
  if (close == std::string::npos || first.empty()) return "";
  // What stands behind a bracket may have brackets, too: "rack[1-2]node[1-8]".
  const std::string rest = list.substr(close + 1);
  return list.substr(0, end) + first + (rest.starts_with(',') ? "" : first_host(rest));
}

std::optional<int> tasks_on_node(const std::string& list, int node) {
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    int tasks = 0;
    int nodes = 1;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), tasks);
    if (failure != std::errc()) return std::nullopt;
    const std::string_view repeat = part.substr(static_cast<std::size_t>(end - part.data()));
    if (repeat.starts_with("(x") && repeat.ends_with(')')) {
      const auto number = std::from_chars(repeat.data() + 2, repeat.data() + repeat.size() - 1, nodes);
      if (number.ec != std::errc()) return std::nullopt;
    }
    if (node < nodes) return tasks;
    node -= nodes;
  }
  return std::nullopt;
}

std::string text_of(const Launch& launch) {
  if (launch.is_one()) return "one process";
  const auto starter = [&]() -> const char* {
    switch (launch.launcher) {
      case Launcher::kNone:
        return "";
      case Launcher::kHand:
        return "by --rank and --world";
      case Launcher::kTorchrun:
        return "by torchrun";
      case Launcher::kVariables:
        return "by RANK and WORLD_SIZE";
      case Launcher::kOpenMpi:
        return "by mpirun";
      case Launcher::kMpich:
        return "by mpirun (MPICH)";
      case Launcher::kSlurm:
        return "by srun";
    }
    return "";
  };
  return fmt::format("rank {} of {}, started {}, rendezvous {}:{}", launch.rank, launch.world, starter(), launch.host,
                     launch.port);
}

std::string own_device(const std::string& device, const Launch& launch) {
  const bool is_open = device == "auto" || device == "cuda";
  if (launch.is_one() || !is_open || !model::find_device(device).is_cuda()) return device;
  return fmt::format("cuda:{}", launch.local_rank);
}

}  // namespace margay::cli
