#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/train_options.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

/// Runs a command line; what it says on stderr is in `errors`.
struct CommandResult {
  int status;
  std::string errors;
};

CommandResult run_line(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "margay");
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  const int status = run(static_cast<int>(arguments.size()), arguments.data());
  testing::internal::GetCapturedStdout();
  return {status, testing::internal::GetCapturedStderr()};
}

TEST(CommandLine, SuggestsTheNearestFlag) {
  const CommandResult result = run_line({"train", "x", "--epcohs", "3"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.errors,
            "margay: train has no flag --epcohs; did you mean '--epochs'?; `margay train --help` lists them\n");
}

TEST(CommandLine, SuggestsTheNearestCommand) {
  const CommandResult result = run_line({"trian"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("no command 'trian'; did you mean 'train'?"), std::string::npos);
}

TEST(CommandLine, AsksForWhatIsMissing) {
  EXPECT_EQ(run_line({}).status, 2);
  EXPECT_EQ(run_line({"train"}).status, 2);
  EXPECT_NE(run_line({"predict"}).errors.find("model"), std::string::npos);
}

TEST(CommandLine, RefusesValuesOutOfRangeAndOfAnotherKind) {
  const CommandResult range = run_line({"train", "nowhere", "--min-scale", "7"});
  EXPECT_EQ(range.status, 2);
  EXPECT_NE(range.errors.find("--min-scale must lie in [0.01, 1], got 7"), std::string::npos) << range.errors;
  EXPECT_EQ(run_line({"train", "nowhere", "--epochs", "many"}).status, 2);
  EXPECT_EQ(run_line({"train", "nowhere", "--precision", "fp8"}).status, 2);
}

TEST(CommandLine, ExitsWithThreeForMissingData) {
  const CommandResult result = run_line({"train", "/no/such/folder"});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.errors.find("margay: /no/such/folder: there is no such folder; '/' holds "), 0U) << result.errors;
  EXPECT_EQ(run_line({"predict", "/no/model.margay", "x.jpg"}).status, 3);
}

TEST(CommandLine, RefusesFlagsThatExcludeEachOther) {
  EXPECT_EQ(run_line({"train", "x", "--label-regex", "(a)", "--labels-csv", "t.csv"}).status, 2);
  EXPECT_EQ(run_line({"train", "x", "--valid-csv", "t.csv", "--valid-fraction", "0.1"}).status, 2);
}

TEST(CommandLine, HelpSucceeds) {
  EXPECT_EQ(run_line({"--help"}).status, 0);
  EXPECT_EQ(run_line({"train", "--help"}).status, 0);
  EXPECT_EQ(run_line({"--version"}).status, 0);
}

/// What a command with the flags of training makes of the arguments.
void parse(TrainOptions& options, std::vector<std::string> arguments) {
  CommandLine line("margay", "", "");
  Command& command = line.add("train", "");
  command.config_flag(options);
  command.flags(options, train_flag_names());
  arguments.insert(arguments.begin(), "train");
  line.parse(arguments);
}

TEST(Config, GivesWayToFlagsWhereverTheyStand) {
  const testing_support::TemporaryFolder folder;
  TrainOptions saved;
  saved.epochs = 7;
  saved.batch.folder = "images";
  saved.batch.transforms.augment.size = 99;
  std::ofstream(folder / "config.json") << core::to_json(saved).dump();
  TrainOptions options;
  parse(options, {"--size", "64", "--config", (folder / "config.json").string()});
  EXPECT_EQ(options.epochs, 7);
  EXPECT_EQ(options.batch.folder, "images");
  EXPECT_EQ(options.batch.transforms.augment.size, 64);
}

TEST(Config, NamesTheKeyThatIsWrong) {
  const testing_support::TemporaryFolder folder;
  std::ofstream(folder / "config.json") << R"({"epcohs": 3})";
  const CommandResult result = run_line({"train", "x", "--config", (folder / "config.json").c_str()});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("no option 'epcohs'; did you mean 'epochs'?"), std::string::npos) << result.errors;
}

TEST(Flags, CoverEveryFieldOnceAndShowDefaults) {
  const std::string help = testing_support::run_command({"train", "--help-all"}).output;
  for (const char* flag :
       {"--min-scale", "--resize", "--size", "--batch-size", "--freeze-epochs", "--precision", "--label-regex"}) {
    EXPECT_NE(help.find(flag), std::string::npos) << flag;
  }
  EXPECT_NE(help.find("0.75"), std::string::npos);
}

TEST(Flags, TakeNumbersAndListsAsPeopleWriteThem) {
  TrainOptions options;
  parse(options, {"--min-scale", ".5", "--base-lr", "1e-2", "--mean", ".5,0.25,0.75", "--std", "[1,1,0.5]"});
  EXPECT_EQ(options.batch.transforms.augment.min_scale, 0.5);
  EXPECT_EQ(options.fine_tune.base_lr, 0.01);
  EXPECT_EQ(options.batch.transforms.normalization.mean, (std::array{0.5, 0.25, 0.75}));
  const std::vector<std::vector<std::string>> all_wrong = {
      {"--min-scale", "half"}, {"--min-scale", "."}, {"--epochs", "1.5"}, {"--mean", ".5,.5"}, {"--mean", "1,2,x"}};
  for (const std::vector<std::string>& wrong : all_wrong) {
    EXPECT_THROW(parse(options, wrong), UsageError) << wrong.front() << " " << wrong.back();
  }
}

TEST(ProgressLine, DrawsItsParts) {
  EXPECT_EQ(bar_text(0, 10, 5), "-----");
  EXPECT_EQ(bar_text(5, 10, 4), "##--");
  EXPECT_EQ(bar_text(12, 10, 4), "####");
  EXPECT_EQ(bar_text(1, 0, 2), "--");
  EXPECT_EQ(clock_text(61), "01:01");
  EXPECT_EQ(clock_text(3723), "1:02:03");
}

}  // namespace
}  // namespace margay::cli
