#include "margay/run/run_watch.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/run_folders.h"

namespace margay::run {
namespace {

using testing_support::add_done_run;
using testing_support::error_epoch;
using testing_support::new_run;
using testing_support::TemporaryFolder;
using testing_support::write;
using Names = std::vector<std::string>;

class RunWatchTest : public ::testing::Test {
 protected:
  std::vector<std::string> problems_of(const std::string& folder) {
    watch_.look();
    return watch_.run(folder).problems;
  }

  TemporaryFolder temporary_;
  std::filesystem::path runs_ = temporary_ / "runs";
  RunWatch watch_{runs_};
};

TEST_F(RunWatchTest, FindsNothingWhereThereIsNoFolder) {
  EXPECT_TRUE(watch_.look().runs.empty());
  EXPECT_TRUE(watch_.all().empty());
  EXPECT_THROW(watch_.run("first"), core::DataError);
}

TEST_F(RunWatchTest, TellsWhatCameWhatChangedAndWhatWent) {
  write(runs_ / "20240501-090000-a/config.json", R"({"arch": "resnet18"})");
  write(runs_ / "notes.txt", "no run");
  write(runs_ / "empty/notes.txt", "no run either");
  EXPECT_EQ(watch_.look().runs, Names{"20240501-090000-a"});
  EXPECT_TRUE(watch_.look().runs.empty());
  write(runs_ / "20240501-090000-a/history.csv",
        "stage,epoch,train_loss,valid_loss,error_rate,seconds\nx,0,1,0.9,0.5,3\n");
  EXPECT_EQ(watch_.look().runs, Names{"20240501-090000-a"});
  EXPECT_EQ(watch_.run("20240501-090000-a").record.last("error_rate"), 0.5);
  std::filesystem::remove_all(runs_ / "20240501-090000-a");
  EXPECT_EQ(watch_.look().runs, Names{"20240501-090000-a"});
  EXPECT_TRUE(watch_.all().empty());
}

TEST_F(RunWatchTest, TellsStepsFromAllElse) {
  write(runs_ / "a/config.json", "{}");
  write(runs_ / "a/steps.jsonl", "{\"step\":1}\n");
  EXPECT_EQ(watch_.look().runs, Names{"a"});
  write(runs_ / "a/steps.jsonl", "{\"step\":1}\n{\"step\":2}\n");
  RunChanges changes = watch_.look();
  EXPECT_TRUE(changes.runs.empty());
  EXPECT_EQ(changes.steps, Names{"a"});
  EXPECT_EQ(watch_.run("a").step_bytes, 22U);
  write(runs_ / "a/steps.jsonl", "{\"step\":1}\n");
  write(runs_ / "a/config.json", R"({"arch": "resnet18"})");
  changes = watch_.look();
  EXPECT_EQ(changes.runs, Names{"a"});
  EXPECT_TRUE(changes.steps.empty());
  std::filesystem::remove(runs_ / "a/steps.jsonl");
  EXPECT_EQ(watch_.look().runs, Names{"a"});
}

TEST_F(RunWatchTest, ReadsWhatARegistryWroteAndWritesNothing) {
  RunRegistry registry(runs_);
  add_done_run(registry, new_run(runs_, "20240501-090000-a", "a"), 0.25);
  std::filesystem::remove(runs_ / "margay.db");
  write(runs_ / "20240501-090000-a/history.csv",
        "stage,epoch,train_loss,valid_loss,error_rate,seconds\nunfrozen,0,0.5,0.5,0.25,1.5\n");
  watch_.look();
  const std::vector<WatchedRun> all = watch_.all();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].record.status, RunStatus::kDone);
  EXPECT_EQ(all[0].record.valid_images, 100);
  EXPECT_TRUE(all[0].problems.empty());
  EXPECT_FALSE(std::filesystem::exists(runs_ / "margay.db"));
}

TEST_F(RunWatchTest, NoticesThatAProcessIsGoneThoughNoFileChanged) {
  RunRegistry registry(runs_);
  registry.add(new_run(runs_, "20240501-090000-a", "a"));  // by this process
  watch_.look();
  EXPECT_EQ(watch_.run("20240501-090000-a").record.status, RunStatus::kRunning);
  const NewRun dead = new_run(runs_, "20240501-100000-b", "b");
  registry.add(dead);
  RunRecord record = *read_run_folder(runs_ / dead.folder);
  record.process.start_ticks = "1";  // a process of that number which is another one
  write_run_file(runs_, record);
  watch_.look();
  EXPECT_EQ(watch_.run(dead.folder).record.status, RunStatus::kInterrupted);
  EXPECT_EQ(watch_.status(dead.folder), RunStatus::kInterrupted);
  EXPECT_EQ(watch_.status("20240501-090000-a"), RunStatus::kRunning);
  EXPECT_EQ(watch_.status("another"), std::nullopt);
}

TEST_F(RunWatchTest, ShowsWhatItCanOfAHalfWrittenRunAndSaysWhatIsMissing) {
  write(runs_ / "copied/steps.jsonl", "{\"step\":1}\n");
  write(runs_ / "copied/history.csv", "stage,epoch,train_loss,valid_loss,seconds\nx,0,1,0.9,3\nx,1,1,");
  const std::vector<std::string> problems = problems_of("copied");
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_TRUE(problems[0].starts_with("config.json is missing")) << problems[0];
  EXPECT_TRUE(problems[1].starts_with("history.csv: line 3: ")) << problems[1];
  EXPECT_EQ(watch_.run("copied").record.epochs.size(), 1U);

  write(runs_ / "damaged/config.json", "{\"arch\": ");
  write(runs_ / "damaged/run.json", "{\"format_version\": 1, \"name\"");
  const std::vector<std::string> damaged = problems_of("damaged");
  ASSERT_EQ(damaged.size(), 2U);
  EXPECT_TRUE(damaged[0].starts_with("config.json is damaged")) << damaged[0];
  EXPECT_TRUE(damaged[1].starts_with("run.json is damaged")) << damaged[1];
}

TEST_F(RunWatchTest, SaysThatARunIsOfTomorrowsFormat) {
  RunRegistry registry(runs_);
  add_done_run(registry, new_run(runs_, "a", "a"), 0.25);
  nlohmann::json json = nlohmann::json::parse(testing_support::file_content(runs_ / "a/run.json"));
  json["format_version"] = 2;
  json["status"] = "dreaming";
  write(runs_ / "a/run.json", json.dump());
  const std::vector<std::string> problems = problems_of("a");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems[0].starts_with("run.json is of format 2, which a newer version writes")) << problems[0];
  EXPECT_EQ(watch_.run("a").record.name, "a");
}

TEST_F(RunWatchTest, IsNewestFirst) {
  for (const char* folder : {"20240501-090000-a", "20240503-090000-c", "20240502-090000-b"}) {
    write(runs_ / folder / "config.json", "{}");
  }
  watch_.look();
  Names names;
  for (const WatchedRun& run : watch_.all()) names.push_back(run.record.name);
  EXPECT_EQ(names, (Names{"c", "b", "a"}));
}

}  // namespace
}  // namespace margay::run
