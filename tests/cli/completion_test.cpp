#include "apps/cli/completion.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "apps/cli/man_page.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

using testing_support::expect_part;
using testing_support::run_command;
using testing_support::TemporaryFolder;

std::string content_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// The names that stand at the beginning of the help's lines under a heading, dashes included.
std::vector<std::string> names_in_help(const std::string& help, bool is_flag) {
  std::vector<std::string> names;
  std::istringstream lines(help);
  bool is_among_commands = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(" ")) is_among_commands = line == "Subcommands:";
    if (!line.starts_with("  ") || line.starts_with("   ")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word && word.starts_with("-") == is_flag;) {
      if (!is_flag && !is_among_commands) break;
      const bool has_more = word.ends_with(",");
      names.push_back(has_more ? word.substr(0, word.size() - 1) : word);
      if (!has_more) break;
    }
  }
  return names;
}

class ShellFiles : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_command({"shell-files", folder_.path().string()}).status, 0);
    commands_ = names_in_help(run_command({"--help"}).output, false);
    ASSERT_GT(commands_.size(), 10U);
  }
  std::string file(const std::string& name) const { return content_of(folder_.path() / name); }

  const TemporaryFolder folder_;
  std::vector<std::string> commands_;
};

/// From a line that begins so to the next that ends the part.
std::string part_of(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return "";
  return text.substr(from, text.find(end, from) - from);
}

TEST_F(ShellFiles, NameEveryCommandAndEveryFlagOfTheHelp) {
  const std::string bash = file("margay.bash");
  const std::string zsh = file("_margay");
  const std::string fish = file("margay.fish");
  for (const std::string& command : commands_) {
    const std::string in_bash = part_of(bash, "\n    " + command + ")\n", "esac ;;");
    const std::string in_zsh = part_of(zsh, "\n    " + command + ")\n", ";;");
    const std::string page = file("margay-" + command + ".1");
    expect_part(fish, "-a " + command + " -d");
    const std::vector<std::string> flags = names_in_help(run_command({command, "--help-all"}).output, true);
    ASSERT_GE(flags.size(), 2U) << command;
    for (const std::string& flag : flags) {
      SCOPED_TRACE(command + " " + flag);
      EXPECT_TRUE((part_of(in_bash, "flags=\"", "\"\n") + " ").find(flag + " ") != std::string::npos ||
                  in_bash.find(flag + "\"") != std::string::npos);
      EXPECT_TRUE(in_zsh.find("'" + flag + "[") != std::string::npos ||
                  in_zsh.find("'" + flag + "=[") != std::string::npos);
      const std::string in_fish = flag.starts_with("--") ? "-l " + flag.substr(2) : "-s " + flag.substr(1);
      EXPECT_NE(fish.find("from " + command + "' " + in_fish + " "), std::string::npos);
      std::string in_roff;
      for (const char c : flag) in_roff += c == '-' ? "\\-" : std::string(1, c);
      EXPECT_NE(page.find("\\fB" + in_roff + "\\fR"), std::string::npos);
    }
  }
}

TEST_F(ShellFiles, OfferTheChoicesOfAFlagAndTheNamesOfNetworks) {
  expect_part(file("margay.bash"), "--pad-mode) values=\"");
  expect_part(part_of(file("_margay"), "'--pad-mode=", "\n"), "reflection");
  expect_part(part_of(file("margay.fish"), " -l arch ", "\n"), "'resnet18 resnet34 ");
  expect_part(part_of(file("margay-train.1"), "\\fB\\-\\-pad\\-mode", ".TP"), "reflection");
  expect_part(part_of(file("margay.bash"), "\n    weights)", "case"), "inspect convert diff");
}

TEST_F(ShellFiles, LeaveHiddenCommandsOut) {
  for (const char* name : {"margay.bash", "_margay", "margay.fish", "margay.1"}) {
    EXPECT_EQ(file(name).find("shell-files"), std::string::npos) << name;
  }
}

TEST(ManPage, ShowsDashesBackslashesAndPointsAsTheyAre) {
  const CommandEntry train{.name = "train",
                           .description = "Train",
                           .footer = ".\\d+\n'quoted'",
                           .arguments = {},
                           .flags = {{.names = {"--label-regex"}, .help = "as '(.+)_\\d+'", .type_name = "TEXT"}}};
  const std::string page = man_page(train, "1.2");
  expect_part(page, "\\fB\\-\\-label\\-regex\\fR \\fITEXT\\fR\nas '(.+)_\\ed+'\n");
  expect_part(page, "\n\\&.\\ed+\n\\&'quoted'\n");
  expect_part(page, ".TH MARGAY\\-TRAIN 1");
}

}  // namespace
}  // namespace margay::cli
