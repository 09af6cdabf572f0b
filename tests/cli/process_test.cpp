#include "apps/cli/process.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/command_line.h"
#include "tests/support/tiny_training.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

constexpr core::CpuShare kEight{8, std::nullopt};
constexpr core::CpuShare kGranted{8, 7.65};

TEST(ShareAmong, DividesTheCpusOfALauncherAmongItsProcesses) {
  EXPECT_EQ(share_among(2, kEight, 8).cpus(), 4);
  EXPECT_EQ(share_among(3, kEight, 8).cpus(), 2);
  EXPECT_EQ(share_among(16, kEight, 8).cpus(), 1);
  EXPECT_EQ(share_among(1, kEight, 8).cpus(), 8);
}

TEST(ShareAmong, RespectsThatALauncherHasBoundEachProcess) {
  EXPECT_EQ(share_among(2, {1, std::nullopt}, 8).cpus(), 1) << "to a core";
  EXPECT_EQ(share_among(8, {16, std::nullopt}, 32).cpus(), 4) << "to a socket, which it shares with others";
}

TEST(ShareAmong, DividesTheGrantOfAControlGroup) { EXPECT_EQ(share_among(2, kGranted, 8).cpus(), 3); }

TEST(ChooseThreads, TakesOneForEachCpu) {
  const ThreadChoice choice = choose_threads({}, {}, kEight, 8);
  EXPECT_EQ(choice.threads, 8);
  EXPECT_EQ(choice.reason, "one for each CPU");
  EXPECT_EQ(choice.warning, "");
  EXPECT_EQ(choose_threads({}, {}, kEight, 64).reason, "one for each CPU that this process may use, of 64");
}

TEST(ChooseThreads, RoundsTheGrantOfAControlGroupDown) {
  const ThreadChoice choice = choose_threads({}, {}, kGranted, 8);
  EXPECT_EQ(choice.threads, 7);
  EXPECT_EQ(choice.reason, "the control group grants 7.65 of 8 CPUs");
}

TEST(ChooseThreads, TakesTheEnvironmentsNumberBeforeItsOwn) {
  const ThreadChoice choice = choose_threads({}, {"2", "3"}, kEight, 8);
  EXPECT_EQ(choice.threads, 2);
  EXPECT_EQ(choice.reason, "as OMP_NUM_THREADS says");
  EXPECT_EQ(choose_threads({}, {"", "3"}, kEight, 8).threads, 3);
  EXPECT_EQ(choose_threads({}, {" 4 , 2", ""}, kEight, 8).threads, 4) << "a list for nested levels";
}

TEST(ChooseThreads, TakesTheFlagBeforeTheEnvironment) {
  const ThreadChoice choice = choose_threads(5, {"2", "3"}, kGranted, 8);
  EXPECT_EQ(choice.threads, 5);
  EXPECT_EQ(choice.reason, "as --threads says");
}

TEST(ChooseThreads, IgnoresAnEnvironmentThatIsNoNumberAndSaysSo) {
  for (const char* text : {"many", "0", "-2", "2x", "2.5", "99999999999999999999"}) {
    const ThreadChoice choice = choose_threads({}, {text, ""}, kEight, 8);
    EXPECT_EQ(choice.threads, 8) << text;
    EXPECT_EQ(choice.warning,
              std::string("OMP_NUM_THREADS is '") + text + "', which is no number of threads, and is ignored");
  }
}

TEST(ChooseThreads, WarnsOfMoreThreadsThanCpus) {
  EXPECT_EQ(choose_threads(16, {}, kEight, 8).warning,
            "16 threads share 8 CPUs, and wait for each other; --threads 8 is faster");
  EXPECT_EQ(
      choose_threads({}, {"8", ""}, kGranted, 8).warning,
      "8 threads share 7.65 CPUs, which the control group grants, and wait for each other; --threads 7 is faster");
  EXPECT_EQ(choose_threads(7, {}, kGranted, 8).warning, "");
}

/// Puts the variable back.
class ThreadsOfCommands : public testing_support::TinyTraining {
 protected:
  ThreadsOfCommands() {
    if (const char* before = std::getenv(kName)) before_ = before;
    ::unsetenv(kName);
  }
  ~ThreadsOfCommands() override { before_.empty() ? ::unsetenv(kName) : ::setenv(kName, before_.c_str(), 1); }

  static constexpr const char* kName = "OMP_NUM_THREADS";
  std::string before_;
};

TEST_F(ThreadsOfCommands, AreToldByTrainAndSummary) {
  const CommandResult trained = train({"--threads", "1"});
  EXPECT_EQ(trained.status, 0) << trained.errors;
  expect_part(trained.output, "\n1 thread: as --threads says");
  ::setenv(kName, "1", 1);
  expect_part(run_command({"summary", images_.string(), "--resize", "24", "--size", "16"}).output,
              "\n1 thread: as OMP_NUM_THREADS says\n");
}

TEST_F(ThreadsOfCommands, LoadImagesToo) {
  run_command({"check", images_.string(), "--threads", "1"});
  EXPECT_EQ(core::default_threads(), 1);
  run_command({"check", images_.string()});
  EXPECT_EQ(core::default_threads(), core::available_cpus());
}

TEST_F(ThreadsOfCommands, AreWarnedOfWhereTheyAreTooMany) {
  const std::string too_many = std::to_string(core::available_cpus() + 1);
  expect_part(run_command({"check", images_.string(), "--threads", too_many}).errors,
              "margay: warning: " + too_many + " threads share ");
}

TEST_F(ThreadsOfCommands, AreOneAtLeast) {
  const CommandResult result = run_command({"check", images_.string(), "--threads", "0"});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, "--threads must lie in [1, 4096], got 0");
}

TEST(ThreadFlags, BelongToEveryCommandThatReadsImagesOrRunsNetworks) {
  for (const char* command :
       {"train", "probe", "lr-find", "evaluate", "predict", "explain", "models", "model", "bench-data"}) {
    const std::string help = run_command({command, "--help-all"}).output;
    expect_part(help, "--threads NUMBER");
    expect_part(help, "--pin-threads TEXT=auto");
  }
  for (const char* command : {"check", "summary", "show-batch", "sample"}) {
    expect_part(run_command({command, "--help-all"}).output, "--threads NUMBER");
  }
}

}  // namespace
}  // namespace margay::cli
