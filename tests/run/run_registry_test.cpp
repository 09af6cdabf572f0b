#include "margay/run/run_registry.h"

#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/utc_time.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_index.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/run_folders.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using testing_support::add_done_run;
using testing_support::error_epoch;
using testing_support::new_run;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

/// Collects what a registry notes.
struct Notes {
  std::vector<std::string> texts;
  RunNote sink() {
    return [this](const std::string& text) { texts.push_back(text); };
  }
};

/// Calls `work` in another process and waits for its end; its exit status, or the signal that killed it.
template <class Work>
int in_another_process(Work&& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

std::size_t count_beginning_with(const TemporaryFolder& folder, const std::string& start) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    if (entry.path().filename().string().starts_with(start)) ++count;
  }
  return count;
}

TEST(RunRegistry, GivesBackWhatItWasTold) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  NewRun run = new_run(runs.path(), "20240501-120000-pets", "pets", {{"arch", "resnet34"}, {"epochs", 2}});
  run.group = "20240501-120000";
  run.seed = std::numeric_limits<std::uint64_t>::max();
  run.valid_images = 385;
  const std::int64_t id = registry.add(run);
  registry.add_epoch(run.folder, error_epoch(0, 0.25));
  RunEpoch odd = error_epoch(1, 0.125);
  odd.valid_loss = std::nan("");
  odd.metrics.emplace_back("a metric", std::nan(""));
  registry.add_epoch(run.folder, odd);
  registry.finish(run.folder, RunStatus::kInterrupted, "stopped by the user");

  const std::vector<RunRecord> all = registry.all();
  ASSERT_EQ(all.size(), 1U);
  const RunRecord& record = all.front();
  EXPECT_EQ(record.id, id);
  EXPECT_EQ(record.folder, run.folder);
  EXPECT_EQ(record.name, "pets");
  EXPECT_EQ(record.group, run.group);
  EXPECT_EQ(record.seed, run.seed);
  EXPECT_EQ(record.status, RunStatus::kInterrupted);
  EXPECT_EQ(record.message, "stopped by the user");
  EXPECT_EQ(record.valid_images, 385);
  EXPECT_EQ(record.config, run.config);
  EXPECT_TRUE(core::utc_seconds(record.started));
  EXPECT_GE(*core::utc_seconds(record.ended), *core::utc_seconds(record.started));
  ASSERT_EQ(record.epochs.size(), 2U);
  EXPECT_EQ(record.epochs[0].stage, "unfrozen");
  EXPECT_EQ(record.epochs[0].metrics, error_epoch(0, 0.25).metrics);
  EXPECT_EQ(record.epochs[0].seconds, 1.5);
  EXPECT_TRUE(std::isnan(record.epochs[1].valid_loss));
  EXPECT_EQ(record.epochs[1].metrics[0].second, 0.125);
  EXPECT_TRUE(std::isnan(record.epochs[1].metrics[1].second));
}

TEST(RunFiles, AreReadWithTheirOldKeys) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  NewRun run = new_run(runs.path(), "20240501-120000-pets", "pets", {});
  run.valid_images = 385;
  registry.add(run);
  const fs::path file = runs / run.folder / "run.json";
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(std::ifstream(file));
  json["valid_pictures"] = json.at("valid_images");
  json.erase("valid_images");
  write(file, json.dump());
  const auto record = read_run_folder(runs / run.folder);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->valid_images, 385);
}

TEST(RunRegistry, ReplacesAnEpochThatAResumedRunRepeats) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  const NewRun run = new_run(runs.path(), "a", "a");
  const std::int64_t id = registry.add(run);
  const std::string started = registry.all().front().started;
  registry.add_epoch("a", error_epoch(0, 0.5));
  registry.add_epoch("a", error_epoch(1, 0.4));
  registry.finish("a", RunStatus::kInterrupted);
  EXPECT_EQ(registry.add(run), id);
  registry.add_epoch("a", error_epoch(1, 0.3));
  const RunRecord record = registry.all().front();
  EXPECT_EQ(record.status, RunStatus::kRunning);
  EXPECT_EQ(record.started, started);
  EXPECT_EQ(record.ended, "");
  ASSERT_EQ(record.epochs.size(), 2U);
  EXPECT_EQ(record.epochs[1].metrics[0].second, 0.3);
}

TEST(RunRegistry, RefusesFoldersThatHoldNoRun) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  EXPECT_THROW(registry.finish("nowhere", RunStatus::kDone), core::DataError);
  EXPECT_THROW(registry.add_epoch("nowhere", {}), core::DataError);
  EXPECT_THROW(registry.add({.folder = "nowhere", .name = "x"}), core::IoError);
  EXPECT_THROW(RunRegistry(runs / "none").all(), core::DataError);
}

TEST(RunRegistry, TakesManyThreadsAndProcessesAtOnce) {
  constexpr int kWriters = 3;
  constexpr int kRuns = 2;
  const TemporaryFolder runs;
  const auto add_some = [&](int writer) {
    RunRegistry registry(runs.path());
    for (int i = 0; i < kRuns; ++i) {
      const std::string name = "w" + std::to_string(writer) + "-" + std::to_string(i);
      add_done_run(registry, new_run(runs.path(), name, name), 0.1);
    }
  };
  std::vector<pid_t> children;
  for (int writer = 0; writer < kWriters; ++writer) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        add_some(writer);
        ::_exit(0);
      } catch (...) {
        ::_exit(1);
      }
    }
    children.push_back(child);
  }
  std::vector<std::thread> threads;
  for (int writer = kWriters; writer < 2 * kWriters; ++writer) threads.emplace_back(add_some, writer);
  for (std::thread& thread : threads) thread.join();
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const std::vector<RunRecord> all = RunRegistry(runs.path()).all();
  std::set<std::int64_t> ids;
  for (const RunRecord& record : all) {
    ids.insert(record.id);
    EXPECT_EQ(record.status, RunStatus::kDone) << record.folder;
    EXPECT_EQ(record.epochs.size(), 1U) << record.folder;
  }
  EXPECT_EQ(all.size(), static_cast<std::size_t>(2 * kWriters * kRuns));
  EXPECT_EQ(ids.size(), all.size());
  EXPECT_EQ(ids.count(0), 0U);
}

TEST(RunRegistry, TellsThatAKilledProcessIsGone) {
  const TemporaryFolder runs;
  const NewRun run = new_run(runs.path(), "a", "a");
  const int signal = in_another_process([&] {
    RunRegistry registry(runs.path());
    registry.add(run);
    registry.add_epoch("a", error_epoch(0, 0.5));
    ::raise(SIGKILL);
  });
  ASSERT_EQ(signal, SIGKILL);
  const RunRecord record = RunRegistry(runs.path()).all().front();
  EXPECT_EQ(record.status, RunStatus::kInterrupted);
  EXPECT_NE(record.message.find("was killed or"), std::string::npos) << record.message;
  EXPECT_EQ(record.epochs.size(), 1U);
}

TEST(RunRegistry, LeavesARunOnAnotherHostRunning) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  registry.add(new_run(runs.path(), "a", "a"));
  EXPECT_EQ(registry.all().front().status, RunStatus::kRunning);
  RunRecord elsewhere = registry.all().front();
  elsewhere.process.host = "another-host";
  write_run_file(runs.path(), elsewhere);
  fs::remove(registry.index_path());
  const RunRecord record = registry.all().front();
  EXPECT_EQ(record.status, RunStatus::kRunning);
  EXPECT_NE(record.message.find("on another-host"), std::string::npos) << record.message;
}

TEST(RunRegistry, BelievesTheFolderWhenTheIndexMissedTheEnd) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  registry.add(new_run(runs.path(), "a", "a"));
  RunRecord record = registry.all().front();
  record.status = RunStatus::kFailed;
  record.ended = "2024-05-01T12:00:00Z";
  record.message = "disk full";
  write_run_file(runs.path(), record);
  EXPECT_EQ(registry.all().front().status, RunStatus::kFailed);
  EXPECT_EQ(registry.all().front().message, "disk full");
}

TEST(RunRegistry, IsMadeAnewFromTheFolders) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  add_done_run(registry, new_run(runs.path(), "a", "first"), 0.2);
  write(runs / "a" / "history.csv",
        "stage,epoch,train_loss,valid_loss,error_rate,seconds,train_images_per_s,wait_share\n"
        "frozen,0,1.5,1,0.25,2.500,10.00,0.0100\nfrozen,1,1.2,nan,0.2,2.500,10.00,0.0100\nfrozen,2,1.");
  const RunRecord before = registry.all().front();
  fs::remove(registry.index_path());
  const RunRecord after = registry.all().front();
  EXPECT_EQ(after.id, 1);
  EXPECT_EQ(after.name, "first");
  EXPECT_EQ(after.started, before.started);
  EXPECT_EQ(after.ended, before.ended);
  EXPECT_EQ(after.status, RunStatus::kDone);
  EXPECT_EQ(after.config, before.config);
  ASSERT_EQ(after.epochs.size(), 2U) << "the cut line does not count";
  EXPECT_EQ(after.epochs[1].metrics.front(), (std::pair<std::string, double>{"error_rate", 0.2}));
  EXPECT_TRUE(std::isnan(after.epochs[1].valid_loss));
  EXPECT_EQ(RunIndex(registry.index_path()).all().size(), 1U);
}

TEST(RunRegistry, ListsRunsOfOlderVersionsOldestFirst) {
  const TemporaryFolder runs;
  write(runs / "20240502-080000-late" / "config.json", R"({"arch": "resnet20"})");
  write(runs / "20240502-080000-late" / "history.csv", "");
  write(runs / "20240501-080000-early" / "config.json", R"({"vision_learner": {"seed": 3}})");
  write(runs / "20240501-080000-early" / "model.margay", "");
  write(runs / "20240501-080000-early" / "history.csv", "");
  write(runs / "no-run" / "notes.txt", "");
  const std::vector<RunRecord> all = RunRegistry(runs.path()).all();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "early");
  EXPECT_EQ(all[0].id, 1);
  EXPECT_EQ(all[0].seed, 3U);
  EXPECT_EQ(all[0].status, RunStatus::kDone);
  EXPECT_EQ(all[1].name, "late");
  EXPECT_EQ(all[1].status, RunStatus::kInterrupted);
}

TEST(RunRegistry, LeavesOutFoldersThatWereDeletedAndFollowsRenamedOnes) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  add_done_run(registry, new_run(runs.path(), "a", "a"), 0.2);
  add_done_run(registry, new_run(runs.path(), "b", "b"), 0.2);
  fs::remove_all(runs / "a");
  fs::rename(runs / "b", runs / "best");
  const std::vector<RunRecord> all = registry.all();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().folder, "best");
  EXPECT_EQ(all.front().name, "b");
  EXPECT_EQ(all.front().status, RunStatus::kDone);
}

TEST(RunRegistry, PutsADamagedIndexAsideAndSaysSo) {
  const TemporaryFolder runs;
  Notes notes;
  RunRegistry registry(runs.path(), notes.sink());
  add_done_run(registry, new_run(runs.path(), "a", "a"), 0.2);
  std::ofstream(registry.index_path()) << "this is no database, though it is long enough to look like one to some";
  EXPECT_EQ(registry.all().size(), 1U);
  ASSERT_EQ(notes.texts.size(), 1U);
  EXPECT_NE(notes.texts[0].find("is kept as margay.db.damaged-"), std::string::npos) << notes.texts[0];
  EXPECT_EQ(count_beginning_with(runs, "margay.db.damaged-"), 1U);
  EXPECT_EQ(registry.all().front().id, 1);
  EXPECT_EQ(notes.texts.size(), 1U);
}

TEST(RunRegistry, GoesOnWhenTheIndexIsDamagedInTheMiddleOfARun) {
  const TemporaryFolder runs;
  Notes notes;
  RunRegistry registry(runs.path(), notes.sink());
  registry.add(new_run(runs.path(), "a", "a"));
  fs::resize_file(registry.index_path(), fs::file_size(registry.index_path()) / 2);
  registry.add_epoch("a", error_epoch(0, 0.5));
  EXPECT_EQ(notes.texts.size(), 1U);
  EXPECT_EQ(registry.all().front().epochs.size(), 1U);
  fs::remove(registry.index_path());
  registry.add_epoch("a", error_epoch(1, 0.5));
  EXPECT_EQ(registry.all().front().epochs.size(), 1U);
}

TEST(RunRegistry, KeepsOneGoodIndexWhenManyFindItDamaged) {
  const TemporaryFolder runs;
  write(runs / "margay.db", std::string(5000, 'x'));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&runs, i] {
      RunRegistry registry(runs.path());
      const std::string name(1, static_cast<char>('a' + i));
      registry.add(new_run(runs.path(), name, name));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count_beginning_with(runs, "margay.db.damaged-"), 1U);
  EXPECT_EQ(RunIndex(runs / "margay.db").all().size(), 4U);
}

TEST(RunRegistry, GivesTheResultsOfTheSavedModel) {
  const TemporaryFolder runs;
  RunRegistry registry(runs.path());
  const NewRun run = new_run(runs.path(), "20240501-120000-tuned", "tuned");
  registry.add(run);
  registry.add_epoch(run.folder, error_epoch(0, 0.125));
  registry.add_epoch(run.folder, error_epoch(1, 0.25));
  EXPECT_EQ(registry.all().at(0).last("error_rate"), 0.25);
  write(runs / run.folder / "history.csv",
        "stage,epoch,train_loss,valid_loss,error_rate,seconds\nunfrozen,0,1,1,0.125,1\nunfrozen,1,1,1,0.25,1\n");
  registry.finish(run.folder, RunStatus::kDone, "The probe is kept", 0);
  EXPECT_EQ(registry.all().at(0).last("error_rate"), 0.125);
  EXPECT_EQ(registry.all().at(0).epochs.size(), 2U);
  fs::remove(registry.index_path());
  EXPECT_EQ(registry.all().at(0).last("error_rate"), 0.125) << "run.json knows it, too";
}

TEST(RunRegistry, MakesAnIndexOfAnOlderVersionAnewAndLeavesANewerOneAlone) {
  const TemporaryFolder runs;
  Notes notes;
  RunRegistry registry(runs.path(), notes.sink());
  add_done_run(registry, new_run(runs.path(), "a", "a"), 0.2);
  testing_support::set_index_version(registry.index_path(), 0);
  EXPECT_EQ(registry.all().size(), 1U);
  ASSERT_EQ(notes.texts.size(), 1U);
  EXPECT_NE(notes.texts[0].find("older version"), std::string::npos) << notes.texts[0];
  testing_support::set_index_version(registry.index_path(), 9);
  EXPECT_EQ(registry.all().size(), 1U);
  ASSERT_EQ(notes.texts.size(), 2U);
  EXPECT_NE(notes.texts[1].find("a newer Margay made this list"), std::string::npos) << notes.texts[1];
  EXPECT_THROW(registry.add_epoch("a", {}), core::FormatError);
  EXPECT_EQ(count_beginning_with(runs, "margay.db.damaged-"), 1U);
}

TEST(RunRegistry, ShowsRunsOfAFolderThatMayOnlyBeRead) {
  const TemporaryFolder runs;
  Notes notes;
  RunRegistry registry(runs.path(), notes.sink());
  add_done_run(registry, new_run(runs.path(), "a", "a"), 0.2);
  write(runs / "20240501-080000-b" / "config.json", "{}");
  write(runs / "20240501-080000-b" / "history.csv", "");
  using fs::perms;
  fs::permissions(runs.path(),
                  perms::owner_all | perms::group_read | perms::group_exec | perms::others_read | perms::others_exec);
  fs::permissions(registry.index_path(), perms::owner_read | perms::group_read | perms::others_read);
  {
    const testing_support::OrdinaryUser user;
    const std::vector<RunRecord> all = registry.all();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].id, 0) << "not listed";
    EXPECT_EQ(all[1].id, 1);
    EXPECT_THROW(registry.add_epoch("a", {}), core::IoError);
  }
  fs::permissions(registry.index_path(), perms::owner_all);
  EXPECT_TRUE(notes.texts.empty()) << notes.texts.front();
}

}  // namespace
}  // namespace margay::run
