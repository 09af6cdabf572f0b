#include "apps/cli/launch.h"

#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace margay::cli {
namespace {

Variables of_elastic_worker() {
  return {{"RANK", "5"},
          {"WORLD_SIZE", "8"},
          {"LOCAL_RANK", "1"},
          {"LOCAL_WORLD_SIZE", "4"},
          {"MASTER_ADDR", "node01"},
          {"MASTER_PORT", "29500"},
          {"TORCHELASTIC_RUN_ID", "night-7"},
          {"TORCHELASTIC_RESTART_COUNT", "2"},
          {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
}

Variables of_open_mpi_process() {
  return {{"OMPI_COMM_WORLD_RANK", "1"},       {"OMPI_COMM_WORLD_SIZE", "2"},    {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}, {"PMIX_NAMESPACE", "2731868161"}, {"PMIX_RANK", "1"}};
}

Variables of_slurm_task() {
  return {{"SLURM_PROCID", "3"},   {"SLURM_NTASKS", "4"},  {"SLURM_STEP_NUM_TASKS", "4"},
          {"SLURM_LOCALID", "1"},  {"SLURM_NODEID", "1"},  {"SLURM_STEP_TASKS_PER_NODE", "2(x2)"},
          {"SLURM_JOB_ID", "417"}, {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NODELIST", "node[03-04]"}};
}

Variables changed(Variables variables, const Variables& others) {
  for (const auto& [name, value] : others) variables[name] = value;
  return variables;
}

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was refused";
}

std::string refusal_of(const Variables& variables, const LaunchOptions& options = {}) {
  return refusal_of([&] { read_launch(options, variables); });
}

void expect_refused(const Variables& variables, const std::string& text) {
  EXPECT_EQ(refusal_of(variables), text + "; mend the variables, or give --world 1 to use this process alone");
}

TEST(ReadLaunch, IsOneProcessWithoutVariables) {
  const Launch launch = read_launch({}, {});
  EXPECT_EQ(launch.launcher, Launcher::kNone);
  EXPECT_TRUE(launch.is_one());
  EXPECT_EQ(launch.rank, 0);
  EXPECT_EQ(launch.host, "");
  EXPECT_EQ(launch.warning, "");
  EXPECT_EQ(text_of(launch), "one process");
}

TEST(ReadLaunch, JoinsTheStoreOfTheAgentOfTorchrun) {
  const Launch launch = read_launch({}, of_elastic_worker());
  EXPECT_EQ(launch.launcher, Launcher::kTorchrun);
  EXPECT_EQ(launch.rank, 5);
  EXPECT_EQ(launch.world, 8);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_world, 4);
  EXPECT_EQ(launch.host, "node01");
  EXPECT_EQ(launch.port, 29500);
  EXPECT_TRUE(launch.is_store_running);
  EXPECT_EQ(launch.id, "night-7");
  EXPECT_EQ(launch.restarts, 2);
  EXPECT_EQ(text_of(launch), "rank 5 of 8, started by torchrun, rendezvous node01:29500");
}

TEST(ReadLaunch, StartsTheStoreWhereTheAgentHasNone) {
  EXPECT_FALSE(
      read_launch({}, changed(of_elastic_worker(), {{"TORCHELASTIC_USE_AGENT_STORE", "False"}})).is_store_running);
  EXPECT_FALSE(read_launch({}, changed(of_elastic_worker(), {{"TORCHELASTIC_USE_AGENT_STORE", ""}})).is_store_running);
}

TEST(ReadLaunch, KnowsThatARunOfTorchrunCalledNoneHasNoName) {
  EXPECT_EQ(read_launch({}, changed(of_elastic_worker(), {{"TORCHELASTIC_RUN_ID", "none"}})).id, "");
}

TEST(ReadLaunch, TakesTheVariablesOfTorchDistributedAlone) {
  const Launch launch =
      read_launch({}, {{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "29500"}});
  EXPECT_EQ(launch.launcher, Launcher::kVariables);
  EXPECT_EQ(launch.world, 2);
  EXPECT_EQ(launch.local_world, 1);
  EXPECT_FALSE(launch.is_store_running);
}

TEST(ReadLaunch, MeetsOnThisHostWhereMpirunStartsAllProcessesHere) {
  const Launch launch = read_launch({}, of_open_mpi_process());
  EXPECT_EQ(launch.launcher, Launcher::kOpenMpi);
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.world, 2);
  EXPECT_EQ(launch.host, "127.0.0.1");
  EXPECT_FALSE(launch.is_store_running);
}

TEST(ReadLaunch, TakesThePortFromTheJobSoThatTwoCommandsDoNotMeet) {
  const int port = read_launch({}, of_open_mpi_process()).port;
  const Variables other = changed(of_open_mpi_process(), {{"PMIX_NAMESPACE", "2731868162"}});
  EXPECT_GE(port, 10000);
  EXPECT_LT(port, 30000);
  EXPECT_EQ(read_launch({}, changed(of_open_mpi_process(), {{"OMPI_COMM_WORLD_RANK", "0"}, {"PMIX_RANK", "0"}})).port,
            port);
  EXPECT_NE(read_launch({}, other).port, port);
}

TEST(ReadLaunch, AsksForAnAddressWhereMpirunUsesSeveralHosts) {
  const std::string refusal = refusal_of(changed(of_open_mpi_process(), {{"OMPI_COMM_WORLD_SIZE", "4"}}));
  EXPECT_EQ(
      refusal,
      "nothing says where the process of rank 0 waits for the others: give --master HOST:PORT, the same for all 4 "
      "processes, or set MASTER_ADDR and MASTER_PORT");
}

TEST(ReadLaunch, TakesMasterAddrAndPortUnderMpirun) {
  const Launch launch =
      read_launch({}, changed(of_open_mpi_process(),
                              {{"OMPI_COMM_WORLD_SIZE", "4"}, {"MASTER_ADDR", "node01"}, {"MASTER_PORT", "4000"}}));
  EXPECT_EQ(launch.host, "node01");
  EXPECT_EQ(launch.port, 4000);
}

TEST(ReadLaunch, TakesTheProcessesOfMpich) {
  const Launch launch = read_launch(
      {.master = "a:1"}, {{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}});
  EXPECT_EQ(launch.launcher, Launcher::kMpich);
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.local_world, 2);
}

TEST(ReadLaunch, MeetsOnTheFirstHostOfAStepOfSlurm) {
  const Launch launch = read_launch({}, of_slurm_task());
  EXPECT_EQ(launch.launcher, Launcher::kSlurm);
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.world, 4);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_world, 2);
  EXPECT_EQ(launch.host, "node03");
  EXPECT_EQ(launch.id, "slurm-417.0");
  EXPECT_EQ(launch.restarts, 0);
  EXPECT_NE(launch.port, read_launch({}, changed(of_slurm_task(), {{"SLURM_STEP_ID", "1"}})).port);
}

TEST(ReadLaunch, MeetsOnThisHostWhereAStepHasOneNode) {
  const Launch launch =
      read_launch({}, changed(of_slurm_task(), {{"SLURM_NODEID", "0"}, {"SLURM_STEP_TASKS_PER_NODE", "4"}}));
  EXPECT_EQ(launch.host, "127.0.0.1");
  EXPECT_EQ(launch.local_world, 4);
}

TEST(ReadLaunch, CountsHowOftenSlurmHasPutTheJobBack) {
  EXPECT_EQ(read_launch({}, changed(of_slurm_task(), {{"SLURM_RESTART_COUNT", "3"}})).restarts, 3);
}

TEST(ReadLaunch, WorksAloneInTheScriptOfAJobAndSaysSo) {
  const Launch launch = read_launch({}, {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_JOB_ID", "417"}});
  EXPECT_TRUE(launch.is_one());
  EXPECT_EQ(launch.warning,
            "SLURM_NTASKS is 4, but this process was not started by srun and works alone; put srun before it");
  EXPECT_EQ(read_launch({}, {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}}).warning, "");
}

TEST(ReadLaunch, BelievesTorchrunWhereMpirunOrSrunStartedIt) {
  for (const Variables& outside : {of_open_mpi_process(), of_slurm_task()}) {
    const Launch launch = read_launch({}, changed(outside, of_elastic_worker()));
    EXPECT_EQ(launch.launcher, Launcher::kTorchrun);
    EXPECT_EQ(launch.rank, 5);
  }
}

TEST(ReadLaunch, BelievesMpirunWithinAJobOfSlurm) {
  const Launch launch = read_launch({}, changed(of_slurm_task(), of_open_mpi_process()));
  EXPECT_EQ(launch.launcher, Launcher::kOpenMpi);
  EXPECT_EQ(launch.world, 2);
}

TEST(ReadLaunch, TakesFlagsBeforeAnyVariable) {
  const Launch launch = read_launch({.master = "10.0.0.1:5000", .rank = 1, .world = 3}, of_elastic_worker());
  EXPECT_EQ(launch.launcher, Launcher::kHand);
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.world, 3);
  EXPECT_EQ(launch.host, "10.0.0.1");
  EXPECT_EQ(launch.port, 5000);
  EXPECT_FALSE(launch.is_store_running);
  EXPECT_EQ(launch.restarts, 0);
}

TEST(ReadLaunch, WorksAloneWhereWorldIsOneWhateverTheVariablesSay) {
  EXPECT_TRUE(read_launch({.world = 1}, of_elastic_worker()).is_one());
  EXPECT_TRUE(read_launch({.world = 1}, {{"RANK", "gold"}}).is_one());
}

TEST(ReadLaunch, CountsTheProcessesOfThisHostByItsAddress) {
  EXPECT_EQ(read_launch({.master = "127.0.0.1:5000", .rank = 1, .world = 3}, {}).local_world, 3);
  EXPECT_EQ(read_launch({.master = "10.0.0.1:5000", .rank = 1, .world = 3}, {}).local_world, 1);
}

TEST(ReadLaunch, TakesAnAddressOfIpv6) {
  const Launch launch = read_launch({.master = "[fe80::1]:5000", .rank = 1, .world = 2}, {});
  EXPECT_EQ(launch.host, "fe80::1");
  EXPECT_EQ(launch.port, 5000);
}

TEST(ReadLaunch, TakesOnlyAnotherAddressFromMasterUnderALauncher) {
  const Launch launch = read_launch({.master = "node09:7000"}, of_elastic_worker());
  EXPECT_EQ(launch.rank, 5);
  EXPECT_EQ(launch.host, "node09");
  EXPECT_FALSE(launch.is_store_running) << "the agent's store is elsewhere";
}

TEST(ReadLaunch, RespectsTheInterfaceOfGloo) {
  EXPECT_EQ(read_launch({}, changed(of_elastic_worker(), {{"GLOO_SOCKET_IFNAME", "ib0"}})).interface, "ib0");
  EXPECT_EQ(read_launch({.interface = "eth1"}, changed(of_elastic_worker(), {{"GLOO_SOCKET_IFNAME", "ib0"}})).interface,
            "eth1");
}

TEST(ReadLaunch, NamesTheVariablesThatAreHalfSet) {
  expect_refused({{"RANK", "0"}}, "RANK is set, but WORLD_SIZE is not");
  expect_refused({{"WORLD_SIZE", "2"}}, "WORLD_SIZE is set, but RANK is not");
  expect_refused({{"OMPI_COMM_WORLD_SIZE", "2"}}, "OMPI_COMM_WORLD_SIZE is set, but OMPI_COMM_WORLD_RANK is not");
  expect_refused({{"PMIX_RANK", "1"}},
                 "PMIX_RANK is set, but nothing says how many processes there are (OMPI_COMM_WORLD_SIZE)");
  expect_refused({{"RANK", "0"}, {"WORLD_SIZE", "2"}}, "RANK and WORLD_SIZE are set, but MASTER_ADDR is not");
  expect_refused({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}},
                 "RANK and WORLD_SIZE are set, but MASTER_PORT is not");
}

TEST(ReadLaunch, NamesTheVariablesThatContradictEachOther) {
  expect_refused(changed(of_elastic_worker(), {{"RANK", "8"}}),
                 "RANK is 8, but WORLD_SIZE is 8, so ranks go from 0 to 7");
  expect_refused(changed(of_elastic_worker(), {{"LOCAL_RANK", "4"}}), "LOCAL_RANK is 4, but LOCAL_WORLD_SIZE is 4");
  expect_refused(changed(of_open_mpi_process(), {{"PMIX_RANK", "0"}}),
                 "OMPI_COMM_WORLD_RANK is 1, but PMIX_RANK is 0: two launchers, or one left over in the environment");
  expect_refused(changed(of_open_mpi_process(), {{"RANK", "0"}, {"WORLD_SIZE", "2"}}),
                 "RANK is 0, but OMPI_COMM_WORLD_RANK is 1: two launchers, or one left over in the environment");
}

TEST(ReadLaunch, NamesAVariableThatIsNoNumber) {
  for (const char* text : {"gold", "-1", "1.5", "2x", "99999999999"}) {
    expect_refused(changed(of_elastic_worker(), {{"RANK", text}}),
                   std::string("RANK is '") + text + "', which is no number from 0 on");
  }
  expect_refused(changed(of_elastic_worker(), {{"WORLD_SIZE", "0"}}),
                 "WORLD_SIZE is '0', which is no number from 1 on");
  expect_refused(changed(of_elastic_worker(), {{"MASTER_PORT", "65536"}}), "MASTER_PORT is 65536, which is no port");
}

TEST(ReadLaunch, NamesTheFlagsThatAreWrong) {
  for (const char* address : {"node01", "node01:", ":29500", "node01:port", "node01:0", "node01:65536"}) {
    EXPECT_EQ(refusal_of({}, {.master = address, .rank = 0, .world = 2}),
              std::string("--master is HOST:PORT, such as 10.0.0.1:29500, got '") + address + "'");
  }
  EXPECT_EQ(refusal_of({}, {.master = "a:1", .rank = 2, .world = 2}),
            "--rank is 2, but --world is 2, so ranks go from 0 to 1");
  EXPECT_EQ(refusal_of({}, {.master = "a:1", .world = 2}),
            "--world is 2, but nothing says which of the processes this is: give --rank");
  EXPECT_EQ(refusal_of({}, {.master = "a:1"}),
            "--master says where processes meet, but no launcher says which they are: give --rank and --world");
}

TEST(FirstHost, ReadsTheListsOfSlurm) {
  EXPECT_EQ(first_host("login1"), "login1");
  EXPECT_EQ(first_host("login1,node[03-07]"), "login1");
  EXPECT_EQ(first_host("node[03-07,12],login1"), "node03");
  EXPECT_EQ(first_host("node[12,14]"), "node12");
  EXPECT_EQ(first_host("rack[2-3]node[08-11]"), "rack2node08");
  EXPECT_EQ(first_host("gpu[1-4]-ib,other"), "gpu1-ib");
  EXPECT_EQ(first_host(""), "");
  EXPECT_EQ(first_host("node["), "");
}

TEST(TasksOnNode, ReadsTheListsOfSlurm) {
  EXPECT_EQ(tasks_on_node("4", 0), 4);
  EXPECT_EQ(tasks_on_node("2(x3),1", 2), 2);
  EXPECT_EQ(tasks_on_node("2(x3),1", 3), 1);
  EXPECT_EQ(tasks_on_node("2(x3),1", 4), std::nullopt);
  EXPECT_EQ(tasks_on_node("", 0), std::nullopt);
  EXPECT_EQ(tasks_on_node("many", 0), std::nullopt);
}

}  // namespace
}  // namespace margay::cli
