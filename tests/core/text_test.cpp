#include <algorithm>
#include <cstdio>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

#include "margay/core/text.h"

namespace margay::core {
namespace {

TEST(NaturalOrder, SortsNumbersByValue) {
  std::vector<std::string> names = {"cat_10.jpg", "cat_2.jpg", "cat_02.jpg", "cat.jpg",
                                    "Cat_1.jpg",  "dog_1.jpg", "cat_1"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_EQ(names, (std::vector<std::string>{"Cat_1.jpg", "cat.jpg", "cat_1", "cat_2.jpg", "cat_02.jpg", "cat_10.jpg",
                                             "dog_1.jpg"}));
}

TEST(NaturalOrder, IsAStrictWeakOrderOnDifficultNames) {
  const std::vector<std::string> names = {"",     "0",  "00",  "a",  "a0",  "a00",     "a0b",
                                          "a00b", "a1", "a01", "1a", "01a", "\xC3\xA4"};
  for (const auto& a : names) {
    EXPECT_FALSE(natural_less(a, a));
    for (const auto& b : names) {
      EXPECT_EQ(a != b, natural_less(a, b) != natural_less(b, a)) << a << " " << b;
      for (const auto& c : names) {
        const bool is_chain = natural_less(a, b) && natural_less(b, c);
        EXPECT_TRUE(!is_chain || natural_less(a, c)) << a << " " << b << " " << c;
      }
    }
  }
}

TEST(NaturalOrder, ComparesNumbersOfAnyLength) {
  EXPECT_TRUE(natural_less("x99999999999999999999998", "x99999999999999999999999"));
}

TEST(NaturalOrder, OfKeysIsThatOfNames) {
  std::vector<std::string> names = {
      "", "a", "a/", "a.", "ab", "Z", "\xe7\x8c\xab", std::string("a\0", 2), std::string("a\0b", 3)};
  for (const char* number : {"0", "00", "1", "01", "9", "10", "010", "123456789012345678901", "99", "255"}) {
    for (const char* before : {"", "a", "a/b-", "class 7/"}) {
      for (const char* behind : {"", "a", ".png", "/2", "-10"}) names.push_back(std::string(before) + number + behind);
    }
  }
  for (const std::size_t digits : {254U, 255U, 256U, 300U}) names.push_back("a" + std::string(digits, '7'));
  for (const std::string& a : names) {
    for (const std::string& b : names) {
      const auto key_a = natural_key(a);
      const auto key_b = natural_key(b);
      EXPECT_TRUE(key_a == key_b || (key_a < key_b) == natural_less(a, b)) << a << " " << b;
    }
  }
  EXPECT_NE(natural_key("img_2.png"), natural_key("img_10.png"));
}

TEST(NaturalOrder, BeginsWhereNamesDifferButNotWithinANumber) {
  const std::vector<std::string_view> names = {"a/b12.png", "a/b13.png", "a/b1.png"};
  EXPECT_EQ(natural_beginning(names), 3U);
  EXPECT_EQ(natural_beginning(std::vector<std::string_view>{"abc", "ab", "b"}), 0U);
  EXPECT_EQ(natural_beginning(std::vector<std::string_view>{"same", "same"}), 4U);
  EXPECT_EQ(natural_beginning({}), 0U);
}

TEST(Nearest, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("--epcohs", "--epochs"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
}

TEST(Nearest, SuggestsOnlyLikelySlips) {
  const std::vector<std::string> flags = {"--epochs", "--freeze-epochs", "--arch"};
  EXPECT_EQ(nearest("--epoch", flags), "--epochs");
  EXPECT_EQ(nearest("CUP", std::vector<std::string>{"dog", "cup"}), "cup") << "in another case";
  EXPECT_EQ(nearest("bengl", std::vector<std::string>{"beagle", "Bengal"}), "Bengal") << "a slip, and another case";
  EXPECT_EQ(nearest("--temperature", flags), "");
  EXPECT_EQ(did_you_mean("--acrh", flags), "; did you mean '--arch'?");
  EXPECT_EQ(did_you_mean("ca\nt", std::vector<std::string>{"ca\ntt"}), "; did you mean 'ca\\ntt'?");
}

TEST(FollowedBy, GoesOnAfterAQuestionWithoutASemicolon) {
  EXPECT_EQ(followed_by("no 'b'", "there are a and c"), "no 'b'; there are a and c");
  EXPECT_EQ(followed_by("no 'b'; did you mean 'a'?", "there are a and c"),
            "no 'b'; did you mean 'a'? there are a and c");
}

TEST(TextBar, IsTheRoundedShareOfItsWidth) {
  EXPECT_EQ(text_bar(0.5, 4), "##");
  EXPECT_EQ(text_bar(0.12, 4), "");
  EXPECT_EQ(text_bar(0.13, 4), "#");
  EXPECT_EQ(text_bar(1, 3), "###");
}

TEST(TextBar, CutsOffWhatIsNoShare) {
  EXPECT_EQ(text_bar(7, 3), "###");
  EXPECT_EQ(text_bar(-1, 3), "");
  EXPECT_EQ(text_bar(std::numeric_limits<double>::quiet_NaN(), 3), "");
}

TEST(TextWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(text_width(""), 0U);
  EXPECT_EQ(text_width("cat"), 3U);
  EXPECT_EQ(text_width("Bär"), 3U);
  EXPECT_EQ(text_width("柴犬"), 4U);
}

TEST(TextWidth, CountsTwoForWideLettersAndNoneForMarks) {
  EXPECT_EQ(text_width("猫"), 2U);
  EXPECT_EQ(text_width("かな 한글 ｆｕｌｌ"), 4U + 1 + 4 + 1 + 8);
  EXPECT_EQ(text_width("🐱"), 2U);
  EXPECT_EQ(text_width("nai\xCC\x88ve"), 5U) << "an i and a mark that stands on it";
  EXPECT_EQ(text_width("\xE0\xB8\xA7\xE0\xB8\xB4"), 1U) << "a Thai consonant and its vowel above";
  EXPECT_EQ(text_width("\xE2\x80\x8B\xE2\x80\x8D"), 0U) << "spaces and joiners without width";
  EXPECT_EQ(text_width("قطة"), 3U);
  EXPECT_EQ(text_width("Кошка…"), 6U);
  EXPECT_EQ(text_width("─┤█▀⠒"), 5U);
}

TEST(TextWidth, CountsBytesThatAreNoUtf8) {
  EXPECT_EQ(text_width("a\xFF\xC3"), 3U);
  EXPECT_EQ(text_width("\xE7\x8C"), 2U) << "a cut letter";
  EXPECT_EQ(text_width("\xC0\x80\xED\xA0\x80"), 5U) << "longer than needed; half of a pair";
}

TEST(Padded, FillsColumnsWhateverTheScript) {
  EXPECT_EQ(padded("猫", 4) + "|", "猫  |");
  EXPECT_EQ(padded("猫", 4, TextAlign::kRight), "  猫");
  EXPECT_EQ(padded("e\xCC\x81", 2) + "|", "e\xCC\x81 |");
  EXPECT_EQ(padded("longer", 3), "longer");
}

TEST(Fitted, CutsBetweenLettersAndSaysSo) {
  EXPECT_EQ(fitted("cat", 3), "cat");
  EXPECT_EQ(fitted("cats", 3), "ca…");
  EXPECT_EQ(fitted("猫猫猫", 4), "猫…") << "half of a wide letter is none";
  EXPECT_EQ(fitted("cat", 1), "…");
  EXPECT_EQ(fitted("cat", 0), "");
}

TEST(ValidUtf8, ReplacesWhatIsNone) {
  EXPECT_EQ(valid_utf8("猫 naïve 🐱"), "猫 naïve 🐱");
  EXPECT_EQ(valid_utf8("a\xFFz\xE7\x8C"), "a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(TextTable, PutsColumnsBelowEachOther) {
  TextTable table({{"dog", TextTable::Align::kLeft}, {"weight"}, {"", TextTable::Align::kLeft}});
  table.add({"Bärenhund", "7", "#"});
  table.add({"柴犬", "1234567", ""});
  EXPECT_EQ(table.text("  "),
            "  dog         weight\n"
            "  Bärenhund        7  #\n"
            "  柴犬       1234567\n");
}

TEST(TextTable, RefusesRowsOfAnotherLength) {
  TextTable table({{"a"}, {"b"}});
  EXPECT_THROW(table.add({"1"}), std::invalid_argument);
}

TEST(OneLine, TakesControlCharactersOut) {
  EXPECT_EQ(one_line("a\nb\x1b[1m\x7f柴"), "a b [1m 柴");
  EXPECT_EQ(one_line("\xC2\x9B"
                     "31m and \x9B"
                     "31m"),
            " 31m and  31m")
      << "C1, in UTF-8 and as a byte";
}

TEST(ShownPath, StandsOnOneLineAndCommandsNoTerminal) {
  EXPECT_EQ(shown_path("a\nb/c\x1b.jpg"), "a\\nb/c\\x1B.jpg");
  EXPECT_EQ(shown_path("Käfer/1.jpg"), "Käfer/1.jpg");
}

TEST(SpelledOut, ShowsControlCharactersWithoutSendingThem) {
  EXPECT_EQ(spelled_out("a\nb\t\x1b[2J\x7f"), R"(a\nb\t\x1B[2J\x7F)");
  EXPECT_EQ(spelled_out("\xC2\x9B"
                        "31m \x9B"),
            R"(\xC2\x9B31m \x9B)");
  EXPECT_EQ(spelled_out("ein\ttab\nzwei\x1b", Layout::kKept), "ein\ttab\nzwei\\x1B");
  EXPECT_EQ(spelled_out("Große Katze 柴 caf\xE9"), "Große Katze 柴 caf\xE9") << "letters stay, known or not";
}

TEST(ShellWord, IsQuotedOnlyWhereAShellWouldChangeIt) {
  EXPECT_EQ(shell_word("runs/20240501-090000-pets"), "runs/20240501-090000-pets");
  EXPECT_EQ(shell_word("my cats"), "'my cats'");
  EXPECT_EQ(shell_word("$HOME/`id`"), "'$HOME/`id`'");
  EXPECT_EQ(shell_word("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_word("~/cats"), "'~/cats'") << "a folder of that name, not the home";
  EXPECT_EQ(shell_word("-cats"), "./-cats") << "not a flag";
  EXPECT_EQ(shell_word("- $x"), "'./- $x'");
  EXPECT_EQ(shell_word("two\nlines"), R"($'two\nlines')");
  EXPECT_EQ(shell_word("caf\xE9's\\"), R"($'caf\xE9\'s\\')");
  EXPECT_EQ(shell_word("柴犬"), "'柴犬'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(ShellWord, GivesTheNameBackWhenAShellReadsIt) {
  for (const std::string name :
       {"a b", "it's \"so\"", "$x `y` \\z", "two\nlines\x1b", "caf\xE9'", "-flag", "~", "!x", "*?[a]"}) {
    std::FILE* shell = ::popen(("exec bash -c " + shell_word("printf %s " + shell_word(name))).c_str(), "r");
    ASSERT_NE(shell, nullptr);
    std::string read;
    for (int c = std::fgetc(shell); c != EOF; c = std::fgetc(shell)) read += static_cast<char>(c);
    ASSERT_EQ(::pclose(shell), 0);
    EXPECT_EQ(read, name.front() == '-' ? "./" + name : name);
  }
}

}  // namespace

}  // namespace margay::core
