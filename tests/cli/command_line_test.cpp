#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/help.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/train_flags.h"
#include "margay/core/text.h"
#include "margay/run/train_options.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_images.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::run_command;

TEST(CommandLine, SuggestsTheNearestFlag) {
  const CommandResult result = run_command({"train", "x", "--epcohs", "3"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.errors,
            "margay: train has no flag --epcohs; did you mean '--epochs'? `margay train --help` lists them\n");
}

TEST(CommandLine, SuggestsTheFlagsThatBeginWithWhatIsGiven) {
  const auto errors = [](const std::string& flag) { return run_command({"train", "x", flag}).errors; };
  EXPECT_NE(errors("--distill").find("did you mean '--distill-alpha' or '--distill-temperature'?"), std::string::npos);
  EXPECT_NE(errors("--weights-sh").find("did you mean '--weights-sha256'?"), std::string::npos);
  EXPECT_EQ(errors("--max").find("did you mean '--max-count'"), std::string::npos) << "many begin so";
}

TEST(CommandLine, SaysWhatIsWrongWithAFlagsValue) {
  const auto errors = [](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"train", "x"});
    const CommandResult result = run_command(flags);
    EXPECT_EQ(result.status, 2);
    return result.errors;
  };
  constexpr const char* kUsage = "; `margay train --help` shows its usage\n";
  EXPECT_EQ(errors({"--size", "32", "--size", "64"}),
            fmt::format("margay: --size is given more than once; give it once{}", kUsage));
  EXPECT_EQ(errors({"--arch"}), fmt::format("margay: --arch needs a value{}", kUsage));
  EXPECT_EQ(errors({"--name="}), fmt::format("margay: --name needs a value{}", kUsage));
  EXPECT_EQ(errors({"--epochs", "abc"}), fmt::format("margay: --epochs: 'abc' is not a number{}", kUsage));
  EXPECT_EQ(errors({"--base-lr", "nan"}), fmt::format("margay: --base-lr: 'nan' is not a number{}", kUsage));
}

TEST(CommandLine, RefusesAValueForAFlagThatTakesNone) {
  const auto errors = [](const std::string& flag) {
    const CommandResult result = run_command({"train", "/no/such/folder", flag});
    EXPECT_NE(result.status, 0);
    return result.errors;
  };
  EXPECT_EQ(errors("--keep-best=5"),
            "margay: --keep-best takes no value, but '5' is given; write --keep-best or --no-keep-best\n");
  EXPECT_EQ(errors("--no-keep-best=yes"),
            "margay: --no-keep-best takes no value, but 'yes' is given; write --keep-best or --no-keep-best\n");
  EXPECT_EQ(errors("-h5"), "margay: -h takes no value, but '5' is given; write -h\n");
  EXPECT_EQ(run_command({"--version=2"}).status, 2);
  EXPECT_NE(errors("--keep-best=false").find("there is no such folder"), std::string::npos);
}

TEST(CommandLine, SaysThatStandardInputIsNotRead) {
  const CommandResult result = run_command({"predict", "M", "-"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.errors,
            "margay: images: '-' does not stand for standard input here; expected images, or folders of them (a file "
            "that is called so is ./-); `margay predict --help` shows its usage\n");
}

TEST(CommandLine, RefusesAnEmptyName) {
  const CommandResult result = run_command({"predict", "M", ""});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.errors,
            "margay: images: '' names nothing; expected images, or folders of them; `margay predict --help` shows its "
            "usage\n");
  for (const char* command : {"train", "clean", "check", "evaluate", "summary", "serve", "explain"}) {
    EXPECT_EQ(run_command({command, ""}).status, 2) << command;
  }
}

TEST(CommandLine, PlansNoUndoing) {
  const CommandResult result = run_command({"clean", "apply", "images", "--undo", "--plan"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("--plan"), std::string::npos) << result.errors;
}

TEST(CommandLine, SuggestsTheNearestCommand) {
  const CommandResult result = run_command({"trian"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("no command 'trian'; did you mean 'train'?"), std::string::npos);
  EXPECT_EQ(result.errors.find("shell-files"), std::string::npos) << "a hidden command is offered: " << result.errors;
}

TEST(CommandLine, AsksForWhatIsMissing) {
  EXPECT_EQ(run_command({}).status, 2);
  EXPECT_EQ(run_command({"train"}).status, 2);
  EXPECT_NE(run_command({"predict"}).errors.find("model"), std::string::npos);
}

TEST(CommandLine, RefusesValuesOutOfRangeAndOfAnotherKind) {
  const CommandResult range = run_command({"train", "nowhere", "--min-scale", "7"});
  EXPECT_EQ(range.status, 2);
  EXPECT_NE(range.errors.find("--min-scale must lie in [0.01, 1], got 7"), std::string::npos) << range.errors;
  EXPECT_EQ(run_command({"train", "nowhere", "--epochs", "many"}).status, 2);
  EXPECT_EQ(run_command({"train", "nowhere", "--precision", "fp8"}).status, 2);
}

TEST(CommandLine, JudgesRangesWithoutRunningTheCommand) {
  const auto problem_of = [](const std::vector<std::string>& arguments) -> std::string {
    CommandLine line("margay", "", "1");
    add_train(line);
    line.parse(arguments);
    try {
      line.check_ranges();
      return "";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  EXPECT_EQ(problem_of({"train", "nowhere"}), "");
  EXPECT_NE(problem_of({"train", "nowhere", "--min-scale=7"}).find("min_scale must lie in [0.01, 1], got 7"),
            std::string::npos);
}

TEST(CommandTree, TellsWhichFlagsMostUsersNeed) {
  CommandLine line("margay", "", "1");
  add_train(line);
  const CommandTree tree = line.tree();
  const auto is_everyday = [&](const std::string& name) {
    const std::vector<FlagEntry>& flags = tree.commands.front().flags;
    const auto found =
        std::find_if(flags.begin(), flags.end(), [&](const auto& flag) { return flag.names[0] == name; });
    return found != flags.end() && found->is_everyday;
  };
  EXPECT_TRUE(is_everyday("--epochs"));
  EXPECT_FALSE(is_everyday("--pin-threads"));
}

TEST(CommandLine, ExitsWithThreeForMissingData) {
  const CommandResult result = run_command({"train", "/no/such/folder"});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.errors.find("margay: /no/such/folder: there is no such folder; '/' holds "), 0U) << result.errors;
  EXPECT_EQ(run_command({"predict", "/no/model.margay", "x.jpg"}).status, 3);
}

TEST(CommandLine, RefusesFlagsThatExcludeEachOther) {
  EXPECT_EQ(run_command({"train", "x", "--label-regex", "(a)", "--labels-csv", "t.csv"}).status, 2);
  EXPECT_EQ(run_command({"train", "x", "--valid-csv", "t.csv", "--valid-fraction", "0.1"}).status, 2);
}

TEST(CommandLine, HelpSucceeds) {
  EXPECT_EQ(run_command({"--help"}).status, 0);
  EXPECT_EQ(run_command({"train", "--help"}).status, 0);
  EXPECT_EQ(run_command({"--version"}).status, 0);
}

/// What a command with the flags of training makes of the arguments.
void parse(run::TrainOptions& options, std::vector<std::string> arguments) {
  CommandLine line("margay", "", "");
  Command& command = line.add("train", "");
  command.config_flag(options);
  command.flags(options, train_flag_names());
  arguments.insert(arguments.begin(), "train");
  line.parse(arguments);
}

TEST(Config, GivesWayToFlagsWhereverTheyStand) {
  const testing_support::TemporaryFolder folder;
  run::TrainOptions saved;
  saved.epochs = 7;
  saved.batch.folder = "images";
  saved.batch.transforms.augment.size = 99;
  std::ofstream(folder / "config.json") << core::to_json(saved).dump();
  run::TrainOptions options;
  parse(options, {"--size", "64", "--config", (folder / "config.json").string()});
  EXPECT_EQ(options.epochs, 7);
  EXPECT_EQ(options.batch.folder, "images");
  EXPECT_EQ(options.batch.transforms.augment.size, 64);
}

TEST(Config, NamesTheKeyThatIsWrong) {
  const testing_support::TemporaryFolder folder;
  std::ofstream(folder / "config.json") << R"({"epcohs": 3})";
  const CommandResult result = run_command({"train", "x", "--config", (folder / "config.json").c_str()});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("no option 'epcohs'; did you mean 'epochs'?"), std::string::npos) << result.errors;
}

TEST(Config, IsNamedWhereItIsTooDeep) {
  const testing_support::TemporaryFolder folder;
  std::ofstream(folder / "config.json") << std::string(100'000, '[') + std::string(100'000, ']');
  const CommandResult result = run_command({"train", "x", "--config", (folder / "config.json").c_str()});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("config.json: its lists and objects lie too deep"), std::string::npos) << result.errors;
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
  run::TrainOptions options;
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

TEST(Flags, AreReadByTheirOldNamesWhichAreNeverShown) {
  const testing_support::TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 2, 1);
  const std::vector<std::string> line = {"bench-data", folder.path().string(), "--resize", "24",     "--size",
                                         "16",         "--num-workers",        "1",        "--json", "--seconds",
                                         "0.001"};
  const auto bench = [&](std::vector<std::string> more) {
    more.insert(more.begin(), line.begin(), line.end());
    return testing_support::run_command(more);
  };
  const auto result = bench({"--pictures", "1"});
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(nlohmann::json::parse(result.output)["measured"], 1);
  EXPECT_EQ(bench({"--pictures", "1", "--images", "1"}).status, 2);
  EXPECT_EQ(testing_support::run_command({"bench-data", "--help-all"}).output.find("--pictures"), std::string::npos);
  ASSERT_EQ(testing_support::run_command({"shell-files", folder.path().string()}).status, 0);
  for (const char* file : {"margay.bash", "_margay", "margay.fish", "margay-bench-data.1"}) {
    std::ostringstream text;
    text << std::ifstream(folder / file).rdbuf();
    EXPECT_NE(text.str().find("images"), std::string::npos) << file;
    EXPECT_EQ(text.str().find("pictures"), std::string::npos) << file;
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

using testing_support::run_command;

TEST(Help, BreaksLinesAtWords) {
  EXPECT_EQ(wrapped("one two  three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("ä ö ü", 5), (std::vector<std::string>{"ä ö ü"}));
  EXPECT_EQ(wrapped("incomprehensible", 5), (std::vector<std::string>{"incomprehensible"}));
  EXPECT_EQ(wrapped("", 5), (std::vector<std::string>{""}));
}

TEST(Help, FitsAWindowForEveryCommand) {
  for (const char* command : {"train", "probe", "lr-find", "evaluate", "predict", "explain", "runs", "check", "summary",
                              "show-batch", "bench-data", "sample"}) {
    std::istringstream help(run_command({command, "--help-all"}).output);
    for (std::string line; std::getline(help, line);) EXPECT_LE(core::text_width(line), 110U) << command << line;
  }
}

/// The flags that a help shows, without those for help itself.
std::vector<std::string> flags_in(const std::string& help) {
  std::vector<std::string> flags;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  --")) continue;
    const std::string flag = line.substr(2, line.find_first_of(" ,", 2) - 2);
    if (flag != "--help" && flag != "--help-all") flags.push_back(flag);
  }
  return flags;
}

TEST(Help, ShowsTheFlagsThatPeopleUseAndHelpAllTheOthers) {
  for (const char* command : {"train", "probe", "lr-find", "show-batch", "summary", "bench-data"}) {
    const std::string brief = run_command({command, "--help"}).output;
    const std::string whole = run_command({command, "--help-all"}).output;
    const std::vector<std::string> everyday = flags_in(brief);
    const std::vector<std::string> all = flags_in(whole);
    EXPECT_GE(everyday.size(), 10U) << command;
    EXPECT_LE(everyday.size(), 30U) << command;
    EXPECT_GT(all.size(), everyday.size() + 20) << command;
    for (const std::string& flag : everyday) EXPECT_EQ(std::count(all.begin(), all.end(), flag), 1) << flag;
    testing_support::expect_part(
        brief, fmt::format("{} more flags: margay {} --help-all", all.size() - everyday.size(), command));
    EXPECT_EQ(whole.find("more flags:"), std::string::npos);
  }
}

TEST(Help, ShowsAllOfACommandWithFewFlags) {
  for (const char* command : {"models", "runs", "weights", "sample"}) {
    EXPECT_EQ(flags_in(run_command({command, "--help"}).output), flags_in(run_command({command, "--help-all"}).output));
  }
}

TEST(Help, KeepsTheFlagsOfSeveralProcessesTogetherAndOutOfTheEverydayOnes) {
  for (const char* command : {"train", "probe", "lr-find", "evaluate", "predict"}) {
    const std::string brief = run_command({command, "--help"}).output;
    EXPECT_EQ(brief.find("--master"), std::string::npos) << command;
    EXPECT_NE(brief.find("more flags: margay "), std::string::npos) << command;
    testing_support::expect_part(run_command({command, "--help-all"}).output, "\nSeveral processes:\n  --master ");
  }
}

TEST(Help, OfTrainBeginsWithWhatEveryoneNeedsAndGroupsTheRest) {
  const std::string help = run_command({"train", "--help-all"}).output;
  std::size_t previous = 0;
  for (const char* part :
       {"\nOptions:\n", "  --epochs NUMBER=3 ", "  --recipe FILE ", "\nLabels and split:\n", "  --label-regex TEXT ",
        "\nSizes, crops and augmentation:\n", "  --min-scale NUMBER=0.75", "\nBatches:\n", "  --batch-size NUMBER=64",
        "\nNetwork:\n", "\nOptimizer:\n", "\nLoss:\n", "\nDevice, precision and memory:\n",
        "\nFine-tuning, the default recipe:\n", "\nA teacher:\n", "  --ema, --no-ema ", "\nLogs and checkpoints:\n"}) {
    const std::size_t at = help.find(part);
    ASSERT_NE(at, std::string::npos) << part;
    EXPECT_GT(at, previous) << part;
    previous = at;
  }
  EXPECT_EQ(help.find("{false}"), std::string::npos);
  EXPECT_EQ(help.find("\n\n\n"), std::string::npos);
  EXPECT_NE(help.find("mirror left and right half of the time (on by default)"), std::string::npos);
}

TEST(Help, LooksTheSameWithEveryVersionOfCli11) {
  CLI::App app("Trains.", "train");
  app.formatter(std::make_shared<HelpFormatter>());
  std::string text;
  std::vector<std::string> several;
  app.add_option("folder", text, "where the images are")->required();
  app.add_option("--arch", text, "the network")->group("Network")->type_name("NAME")->default_str("resnet18");
  app.add_option("--tags", several, "any number")->group("Network");
  EXPECT_EQ(app.help(),
            "Trains.\n"
            "Usage: train [OPTIONS] folder\n"
            "\n"
            "Positionals:\n"
            "  folder TEXT REQUIRED        where the images are\n"
            "\n"
            "Options:\n"
            "  -h, --help                  Print this help message and exit\n"
            "\n"
            "Network:\n"
            "  --arch NAME=resnet18        the network\n"
            "  --tags TEXT ...             any number\n");
}

}  // namespace

}  // namespace margay::cli
