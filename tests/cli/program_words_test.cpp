#include "apps/cli/program_words.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/command_line.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

TEST(ProgramWords, TurnFieldsIntoFlags) {
  EXPECT_EQ(program_words("lower `base_lr`, or a `cache` ram"), "lower --base-lr, or a --cache ram");
  EXPECT_EQ(program_words("`size` and `resize.size`"), "--size and --resize");
  EXPECT_EQ(program_words("`optimizer.kind`"), "--optimizer");
  EXPECT_EQ(program_words("a: [resize] `size` and"), "a: [resize] --resize and");
  EXPECT_EQ(program_words("[augment] `size`, [x] `size`"), "[augment] --size, [x] --size");
  EXPECT_EQ(program_words("`no_ema_warmup` needs `ema`"), "--no-ema-warmup needs --ema");
}

TEST(ProgramWords, TurnTheFieldThatIsOutOfRangeIntoAFlag) {
  EXPECT_EQ(program_words("[resize] size must lie in [8, 9], got 1"), "[resize] --resize must lie in [8, 9], got 1");
  EXPECT_EQ(program_words("x [augment] min_scale must lie in [0"), "x [augment] --min-scale must lie in [0");
  EXPECT_EQ(program_words("[nobody] size must lie in [8, 9]"), "[nobody] size must lie in [8, 9]");
  EXPECT_EQ(program_words("targets must lie in [0, 1]"), "targets must lie in [0, 1]");
}

TEST(ProgramWords, TurnFunctionsIntoCommands) {
  EXPECT_EQ(program_words("`check_data` says"), "`margay check` says");
  EXPECT_EQ(program_words("`architectures` lists them."), "`margay models` lists them.");
}

TEST(ProgramWords, LeaveTheRestAsItIs) {
  for (const char* text : {"", "plain", "`", "a ` b", "`no_such_name`", "``", "`margay train`", "my `x `all"}) {
    EXPECT_EQ(program_words(text), text);
  }
  EXPECT_EQ(program_words("`x`all`"), "`x--all");
}

TEST(ProgramWords, MakeACommandOfWhatIsToBeFetched) {
  EXPECT_EQ(program_words("`fetch resnet34` gets it"), "`margay fetch resnet34` gets it");
  EXPECT_EQ(program_words("`fetch resnet34 to my weights`"), "`margay fetch resnet34 --to 'my weights'`");
  EXPECT_EQ(program_words("`fetch NAME to FOLDER`"), "`margay fetch NAME --to FOLDER`");
}

/// A line of source without its comment, and without strings that hold no backquote.
std::vector<std::string> quoted_names(const std::string& line) {
  static const std::regex literal(R"re("((?:[^"\\]|\\.)*)")re");
  static const std::regex name("`([^`]+)`");
  std::vector<std::string> names;
  if (line.find_first_not_of(' ') == line.find("//")) return names;
  for (std::sregex_iterator at(line.begin(), line.end(), literal), end; at != end; ++at) {
    const std::string text = (*at)[1];
    for (std::sregex_iterator in(text.begin(), text.end(), name); in != end; ++in) {
      if ((*in)[1].str().find('{') == std::string::npos) names.push_back((*in)[1]);  // else a name put in later
    }
  }
  return names;
}

TEST(ProgramWords, KnowEveryNameThatTheLibrarysMessagesQuote) {
  std::size_t seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(MARGAY_SOURCE_DIR "/margay")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      for (const std::string& name : quoted_names(line)) {
        ++seen;
        EXPECT_NE(program_words("`" + name + "`"), "`" + name + "`") << entry.path() << ": " << line;
      }
    }
  }
  EXPECT_GT(seen, 10U);
}

TEST(ProgramWords, AreWhatAnErrorIsToldIn) {
  const auto result =
      testing_support::run_command({"train", "/no/such/folder", "--arch", "resnet19", "--weights", "x"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("`margay models` lists them"), std::string::npos) << result.errors;
}

}  // namespace
}  // namespace margay::cli
