#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/run/listeners.h"
#include "margay/run/train_options.h"
#include "margay/train/checkpoint/checkpoint_folder.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_training.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::file_content;
using testing_support::run_command;

namespace fs = std::filesystem;

TEST(TrainFlags, ResumeGoesOnWithTheSettingsOfTheRunOnly) {
  const CommandResult result = run_command({"train", "--resume", "runs/a", "--epochs", "3"});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, "--epochs: --resume continues with the settings of the run");
  EXPECT_EQ(run_command({"train", "images", "--data", "others", "--resume", "runs/a"}).status, 2);
  EXPECT_EQ(run_command({"train", "--resume", "/no/run", "--lr-factor", "0.1"}).status, 3);
}

TEST(TrainFlags, LrFactorIsForARunThatGoesOn) {
  const CommandResult result = run_command({"train", "images", "--lr-factor", "0.1"});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, "--lr-factor");
  expect_part(result.errors, "--resume");
}

TEST(TrainFlags, ARecipeIsReadAtOnceAndItsMistakesHaveALine) {
  const testing_support::TemporaryFolder folder;
  const std::string path = (folder / "stages.txt").string();
  testing_support::write(path, "freeze 1 epoch at 1e-3\nunfreeze 2 epcohs at 1e-3\n");
  const CommandResult result = run_command({"train", "/no/such/folder", "--recipe", path});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, path + ": [recipe] line 2: ");
  const CommandResult missing = run_command({"train", "/no/such/folder", "--recipe", "/no/recipe"});
  EXPECT_EQ(missing.status, 2);
  expect_part(missing.errors, "/no/recipe");
}

TEST(TrainFlags, AreNoticedWhenTheyAreGivenWithTheirDefaults) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> idle = {
      {{"--ema-decay", fmt::format("{}", run::TrainOptions().listeners.weight_average.ema_decay)},
       "--ema-decay needs --ema"},
      {{"--label-column", ""}, "--label-column needs --labels-csv"},
      {{"--no-restore-best"}, "--no-restore-best needs --keep-best"},
      {{"--weights", "none", "--freeze-epochs", "1"}, "--freeze-epochs needs --weights"},
      {{"--memory-share", "0.9"}, "--memory-share needs --auto-batch-size"},
      {{"--distill-alpha", "0.5"}, "--distill-alpha needs --teacher"},
      {{"--weights", "none", "--weights-sha256", ""}, "--weights-sha256 needs --weights"},
      {{"--lr-factor", "1"}, "--lr-factor needs --resume"},
      {{"--lr", "auto", "--base-lr", "2e-3"}, "--base-lr has no effect together with --lr"},
      {{"--auto-batch-size", "--batch-size", "64"}, "--batch-size has no effect together with --auto-batch-size"},
      {{"--statistics", "measured", "--mean", "0.485,0.456,0.406"},
       "--mean and --statistics measured both set the statistics"}};
  for (const auto& [flags, message] : idle) {
    std::vector<std::string> arguments = {"train", "/no/such/folder"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const CommandResult result = run_command(arguments);
    EXPECT_EQ(result.status, 2) << message;
    expect_part(result.errors, message);
  }
}

class TrainCommand : public testing_support::TinyTraining {};

TEST_F(TrainCommand, SaysWhereANumberForTheRateGoes) {
  const CommandResult result = train({"--lr", "1e-3"});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, "[train] --lr is 'auto'; a number goes to --base-lr");
}

TEST_F(TrainCommand, LeavesAllThatARunIs) {
  const CommandResult result = train({"--epochs", "2", "--name", "whole"});
  ASSERT_EQ(result.status, 0) << result.errors;
  const fs::path run = run_folder();
  for (const char* name : {"model.margay", "config.json", "run.json", "split.csv", "losses.svg", "losses.png"}) {
    EXPECT_GT(fs::file_size(run / name), 0U) << name;
  }
  const auto lines = [&](const char* name) {
    const std::string text = file_content(run / name);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines("history.csv"), 3);  // the titles and two epochs
  EXPECT_EQ(lines("steps.jsonl"), 8);  // two epochs of three steps and a summary
  EXPECT_EQ(records().back().status, run::RunStatus::kDone);
  EXPECT_EQ(records().back().epochs.size(), 2U);
  EXPECT_FALSE(fs::exists(run / "best.margay"));
  EXPECT_FALSE(fs::exists(run / "tensorboard"));
}

TEST_F(TrainCommand, RunsAgainFromItsConfig) {
  ASSERT_EQ(train().status, 0);
  const fs::path first = run_folder();
  const CommandResult again = run_command({"train", "--config", (first / "config.json").string()});
  ASSERT_EQ(again.status, 0) << again.errors;
  ASSERT_EQ(records().size(), 2U);
  EXPECT_NE(run_folder(), first);
  EXPECT_EQ(file_content(run_folder() / "model.margay"), file_content(first / "model.margay"));
}

TEST_F(TrainCommand, WritesTheBestModelAndEventsWhenAsked) {
  ASSERT_EQ(train({"--keep-best", "--tensorboard"}).status, 0);
  EXPECT_TRUE(fs::is_regular_file(run_folder() / "best.margay"));
  ASSERT_TRUE(fs::is_directory(run_folder() / "tensorboard"));
  EXPECT_NE(fs::directory_iterator(run_folder() / "tensorboard"), fs::directory_iterator());
}

TEST_F(TrainCommand, LetsTheBestModelFindLabelsAndSplitAgain) {
  ASSERT_EQ(train({"--keep-best", "--label-path-regex", "^[^/]*/([^/]*)/", "--valid-fraction", "0.25"}).status, 0);
  const CommandResult of_best = run_command({"evaluate", (run_folder() / "best.margay").string(), images_.string()});
  const CommandResult of_last = run_command({"evaluate", (run_folder() / "model.margay").string(), images_.string()});
  EXPECT_EQ(of_best.status, 0) << of_best.errors;
  EXPECT_EQ(of_best.output, of_last.output);
}

TEST_F(TrainCommand, LeavesNoFolderWhereItCannotBegin) {
  const std::vector<std::vector<std::string>> wrong = {{"--keep-best", "--monitor", "acuracy"},
                                                       {"--optimizer", "sgd", "--eps", "1e-3"},
                                                       {"--precision", "fp16"},
                                                       {"--teacher", "/no/teacher.margay"},
                                                       {"--loss", "no_loss"}};
  for (const auto& flags : wrong) {
    EXPECT_NE(train(flags).status, 0) << flags.back();
    EXPECT_FALSE(fs::exists(runs_)) << flags.back();
  }
}

TEST_F(TrainCommand, RefusesFlagsThatMeanNothingBesideAConfig) {
  testing_support::write(folder_ / "stages.txt", "unfreeze 1 epoch at 1e-3\n");
  ASSERT_EQ(on_images("train", {"--runs", runs_.string(), "--recipe", (folder_ / "stages.txt").string()}).status, 0);
  const CommandResult result =
      run_command({"train", "--config", (run_folder() / "config.json").string(), "--epochs", "9"});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, "--epochs has no effect together with --recipe");
}

TEST_F(TrainCommand, GoesOnWithARunByItsName) {
  ASSERT_EQ(train({"--name", "first"}).status, 0);
  EXPECT_EQ(run_command({"train", "--resume", "first", "--runs", runs_.string()}).status, 0);
  const CommandResult result = run_command({"train", "--resume", "frist", "--runs", runs_.string()});
  EXPECT_EQ(result.status, 3);
  expect_part(result.errors, "there is no run 'frist'; did you mean 'first'? --runs names another folder of runs");
}

TEST_F(TrainCommand, ListsRepeatsAsOneGroupWithSeedsOneApart) {
  const CommandResult result = train({"--repeats", "2", "--seed", "7"});
  ASSERT_EQ(result.status, 0) << result.errors;
  ASSERT_EQ(records().size(), 2U);
  EXPECT_FALSE(records()[0].group.empty());
  EXPECT_EQ(records()[0].group, records()[1].group);
  EXPECT_EQ(records()[0].seed, 7U);
  EXPECT_EQ(records()[1].seed, 8U);
  expect_part(result.output, "of 2 repeats: ");
  expect_part(result.output, "standard error of the mean");
}

TEST_F(TrainCommand, LeavesAFinishedRunAsItIs) {
  ASSERT_EQ(train({"--epochs", "2"}).status, 0);
  const std::string model = file_content(run_folder() / "model.margay");
  const std::string history = file_content(run_folder() / "history.csv");
  const CommandResult result = run_command({"train", "--resume", run_folder().string()});
  EXPECT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "This run is finished: 2 epochs, error_rate ");
  expect_part(result.output, "margay train " + images_.string() + " --config " +
                                 (run_folder() / "config.json").string() + " --weights " +
                                 (run_folder() / "model.margay").string());
  const CommandResult nowhere = run_command({"train", "--resume", run_folder().string(), "--data", "nowhere"});
  EXPECT_EQ(nowhere.status, 3);
  expect_part(nowhere.errors, "nowhere: the folder of images is not there any more");
  fs::rename(images_, folder_ / "moved");
  const CommandResult without = run_command({"train", "--resume", run_folder().string()});
  EXPECT_EQ(without.status, 0) << without.errors;
  expect_part(without.output, "Its images are no longer in " + images_.string() + "; FOLDER is their new place.\n");
  expect_part(without.output, "margay train FOLDER --config ");
  EXPECT_EQ(file_content(run_folder() / "model.margay"), model);
  EXPECT_EQ(file_content(run_folder() / "history.csv"), history);
  EXPECT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].status, run::RunStatus::kDone);
}

TEST_F(TrainCommand, GoesOnWithoutThePretrainedWeights) {
  ASSERT_EQ(train().status, 0);
  const fs::path weights = folder_ / "weights.margay";
  fs::copy_file(run_folder() / "model.margay", weights);
  ASSERT_EQ(train({"--weights", weights.string(), "--epochs", "2", "--name", "tuned"}).status, 0);
  const fs::path run = runs_ / records().back().folder;
  const std::string model = file_content(run / "model.margay");
  const fs::path moved = folder_ / "moved.margay";
  fs::rename(weights, moved);
  fs::remove(run / "model.margay");
  const auto newest = train::CheckpointFolder(run / "checkpoints").files().front();
  fs::remove(newest);  // so that the last epoch is trained once more
  const CommandResult result = run_command({"train", "--resume", run.string()});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(file_content(run / "model.margay"), model);
  fs::remove_all(run / "checkpoints");  // now they are needed
  fs::remove(run / "model.margay");
  const CommandResult anew = run_command({"train", "--resume", run.string()});
  EXPECT_EQ(anew.status, 3);
  expect_part(anew.errors, weights.string() + ": the file of weights is not there any more");
  expect_part(anew.errors, "--weights names its new place");
  const CommandResult found = run_command({"train", "--resume", run.string(), "--weights", moved.string()});
  EXPECT_EQ(found.status, 0) << found.errors;
  EXPECT_EQ(file_content(run / "model.margay"), model);
}

TEST_F(TrainCommand, GoesOnWhereverItsImagesNowLie) {
  ASSERT_EQ(train().status, 0);
  const std::string model = file_content(run_folder() / "model.margay");
  fs::remove(run_folder() / "model.margay");
  const fs::path moved = folder_ / "moved" / "pets";
  fs::create_directories(moved.parent_path());
  fs::rename(images_, moved);
  const CommandResult lost = run_command({"train", "--resume", run_folder().string()});
  EXPECT_EQ(lost.status, 3);
  expect_part(lost.errors, images_.string() + ": the folder of images is not there any more");
  expect_part(lost.errors, "--data names its new place");
  const CommandResult wrong =
      run_command({"train", "--resume", run_folder().string(), "--data", moved.parent_path().string()});
  EXPECT_EQ(wrong.status, 3);
  const CommandResult found = run_command({"train", "--resume", run_folder().string(), "--data", moved.string()});
  EXPECT_EQ(found.status, 0) << found.errors;
  EXPECT_EQ(file_content(run_folder() / "model.margay"), model);
  fs::remove(run_folder() / "model.margay");
  EXPECT_EQ(run_command({"train", "--resume", run_folder().string()}).status, 0) << "it remembers the new place";
}

TEST_F(TrainCommand, GoesOnFromAnotherWorkingFolder) {
  const fs::path here = fs::current_path();
  fs::current_path(folder_.path());
  std::vector<std::string> line = {"train",    "images", "--arch",       "resnet20", "--resize",      "24",
                                   "--size",   "16",     "--batch-size", "4",        "--num-workers", "1",
                                   "--device", "cpu",    "--epochs",     "1"};
  const int begun = run_command(line).status;
  const fs::path run = run_folder();
  fs::remove(run / "model.margay");
  fs::create_directories(folder_ / "sub");
  fs::current_path(folder_ / "sub");
  const CommandResult result = run_command({"train", "--resume", run.string()});
  const CommandResult judged =
      run_command({"evaluate", (run / "model.margay").string(), "../images", "--part", "train"});
  fs::current_path(here);
  EXPECT_EQ(begun, 0);
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(judged.status, 0) << judged.errors;
  expect_part(judged.output, "Judged: 12 of the 16 images of ../images: those that the model was trained on");
}

TEST_F(TrainCommand, RefusesACheckpointOfAnotherTrainingByTheFieldThatDiffers) {
  ASSERT_EQ(train().status, 0);
  fs::remove(run_folder() / "model.margay");  // or the run would be finished
  nlohmann::ordered_json config = nlohmann::ordered_json::parse(file_content(run_folder() / "config.json"));
  config["batch"]["loader"]["batch_size"] = 3;
  testing_support::write(run_folder() / "config.json", config.dump());
  const CommandResult result = run_command({"train", "--resume", run_folder().string()});
  EXPECT_EQ(result.status, 3);
  expect_part(result.errors, "its batch_size is 4, here it is 3");
  EXPECT_EQ(train::CheckpointFolder(run_folder() / "checkpoints").files().size(), 1U) << "it is not torn";
  config["batch"]["loader"]["batch_size"] = 4;
  config["epochs"] = 9;
  testing_support::write(run_folder() / "config.json", config.dump());
  const CommandResult longer = run_command({"train", "--resume", run_folder().string()});
  EXPECT_EQ(longer.status, 2);
  expect_part(longer.errors, "[recipe] training stood in the recipe");
  EXPECT_EQ(records()[0].status, run::RunStatus::kDone);
}

TEST_F(TrainCommand, RefusesToGoOnWithOtherImages) {
  ASSERT_EQ(train().status, 0);
  fs::remove(run_folder() / "model.margay");  // or the run would be finished
  fs::rename(images_ / "train" / "flat" / "0.png", images_ / "train" / "flat" / "new.png");
  const CommandResult result = run_command({"train", "--resume", run_folder().string()});
  EXPECT_EQ(result.status, 3);
  expect_part(result.errors, images_.string() + ": the images, labels or split are not those");
  expect_part(result.errors, "1 of 17 lines no longer hold: 'train/flat/0.png,flat,0'");
  expect_part(result.errors, "1 are new: 'train/flat/new.png,flat,0'");
  EXPECT_EQ(records()[0].status, run::RunStatus::kDone);
}

TEST_F(TrainCommand, IsListedAsInterruptedAfterCtrlC) {
  std::atomic<bool> is_over = false;
  std::thread ctrl_c([&] {
    const auto has_epoch = [&] {
      std::error_code ignored;
      for (const auto& entry : fs::directory_iterator(runs_, ignored)) {
        if (fs::exists(entry.path() / "history.csv", ignored)) return true;
      }
      return false;
    };
    while (!is_over && !has_epoch()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (!is_over) kill(getpid(), SIGINT);
  });
  const CommandResult result = train({"--epochs", "1000"});
  is_over = true;
  ctrl_c.join();
  EXPECT_EQ(result.status, 130) << result.errors;
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].status, run::RunStatus::kInterrupted);
  expect_part(records()[0].message, "stopped in epoch");
  expect_part(result.output, "Continue: margay train --resume " + run_folder().string());
  EXPECT_TRUE(fs::is_regular_file(run_folder() / "model.margay"));
}

TEST(TrainFlags, OfListenersAreCheckedBeforeImagesAreLookedFor) {
  const auto result = testing_support::run_command({"train", "/no/such/folder", "--swa-start", "0.5"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.errors,
            "margay: --swa-start needs --swa; give both, or neither; `margay train --help` shows its usage\n");
}

}  // namespace

}  // namespace margay::cli
