#include "apps/cli/help_formatter.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/core/text_table.h"
#include "tests/support/command_line.h"

namespace margay::cli {
namespace {

using testing_support::run_command;

TEST(Help, BreaksLinesAtWords) {
  EXPECT_EQ(wrapped("one two  three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("ä ö ü", 5), (std::vector<std::string>{"ä ö ü"}));
  EXPECT_EQ(wrapped("incomprehensible", 5), (std::vector<std::string>{"incomprehensible"}));
  EXPECT_EQ(wrapped("", 5), (std::vector<std::string>{""}));
}

TEST(Help, FitsAWindowForEveryCommand) {
  for (const char* command : {"train", "lr-find", "evaluate", "predict", "explain", "runs", "check", "summary",
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
  for (const char* command : {"train", "lr-find", "show-batch", "summary", "bench-data"}) {
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
  for (const char* command : {"predict", "models", "runs", "weights", "sample"}) {
    EXPECT_EQ(flags_in(run_command({command, "--help"}).output), flags_in(run_command({command, "--help-all"}).output));
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
