#pragma once

#include <map>
#include <optional>
#include <string>

#include "margay/collective/process_group.h"
#include "margay/core/options.h"

namespace margay::cli {

/// How several processes find each other where no launcher says it, by hand.
struct LaunchOptions {
  std::string master;
  std::optional<int> rank;
  std::optional<int> world;
  std::string interface;
  std::optional<collective::Backend> backend;
  double join_seconds = 120;
  double wait_minutes = 30;
  double lost_after = 5;
  std::string command;  ///< what all processes must do, such as "train"; no flag

  static const core::OptionTable& fields();
};

/// Variables of the environment by name; one that is set to "" counts as not set.
using Variables = std::map<std::string, std::string>;

/// What started the processes.
enum class Launcher {
  kNone,       ///< one process
  kHand,       ///< --rank and --world
  kTorchrun,   ///< TORCHELASTIC_*, with RANK and WORLD_SIZE
  kVariables,  ///< RANK and WORLD_SIZE alone, as torch.distributed's "env://" reads them
  kOpenMpi,    ///< OMPI_COMM_WORLD_*
  kMpich,      ///< PMI_RANK and PMI_SIZE: Hydra, which MPICH, Intel MPI and MVAPICH start with
  kSlurm,      ///< srun
};

/// This process among those that were started together.
struct Launch {
  Launcher launcher = Launcher::kNone;
  int rank = 0;
  int world = 1;
  int local_rank = 0;   ///< among those of this host
  int local_world = 1;  ///< the processes of this host, as far as the launcher says
  std::string host;     ///< where the store of the rendezvous listens; "" for one process
  int port = 0;
  bool is_store_running = false;  ///< torchrun's agent has started it; else the process of rank 0 does
  /// What all processes of one command share, and no others; "" where the launcher has no such name.
  std::string id;
  int restarts = 0;                            ///< how often torchrun has started the processes again
  std::optional<collective::Backend> backend;  ///< none: as the machine has GPUs
  double join_seconds = 120;
  double wait_minutes = 30;
  double lost_after = 5;  ///< seconds
  std::string interface;  ///< network interfaces for Gloo, "eth0,eth1"; "": that of the host's name
  std::string command;    ///< as in LaunchOptions
  std::string warning;    ///< "" where there is nothing to say

  bool is_one() const { return world == 1; }
};

/// The process among those that a launcher has started, by the launcher's documented variables. In this order: --rank
/// and --world; torchrun (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT, TORCHELASTIC_*); mpirun of Open MPI
/// (OMPI_COMM_WORLD_*, PMIX_RANK) and of MPICH (PMI_RANK, PMI_SIZE); srun (SLURM_PROCID, SLURM_STEP_NUM_TASKS). The
/// rendezvous is --master, else MASTER_ADDR and MASTER_PORT, else this host where all processes are on one, else with
/// srun the first host of the step; its port then comes from the id of the job, so that two commands on one host do not
/// meet. Nothing of it set, or --world 1: one process. Throws std::invalid_argument that names the variables: for those
/// that contradict each other or are half set, for what is no number, and for no address.
Launch read_launch(const LaunchOptions& options, const Variables& variables);

/// Those of this process that read_launch reads.
Variables launch_variables();

/// The first host of a list as SLURM writes it, "node[03-07,12],login1": "node03". "" for an empty list.
std::string first_host(const std::string& list);

/// The number of tasks on the i-th node of a list as SLURM writes it, "2(x3),1"; nothing where there is no such node.
std::optional<int> tasks_on_node(const std::string& list, int node);

/// "rank 1 of 4, started by torchrun"; "one process" for one.
std::string text_of(const Launch& launch);

/// The device of one of several processes: of "cuda", and of "auto" where there is a GPU, that of its local rank.
/// Otherwise as it was given. Throws as model::find_device.
std::string own_device(const std::string& device, const Launch& launch);

}  // namespace margay::cli
