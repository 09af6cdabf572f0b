#include "apps/cli/class_prompt.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace margay::cli {
namespace {

using State = ClassPrompt::State;
using Names = std::vector<std::string>;

State type(ClassPrompt& prompt, const std::string& letters) {
  std::string bytes = letters;
  State state = State::kOpen;
  while (const auto key = take_key(bytes, true)) state = prompt.take(*key);
  return state;
}

TEST(ClassPrompt, PutsBeginningsBeforeWordsBeforePartsBeforeLettersInOrder) {
  ClassPrompt prompt({"tree_cat", "scatter", "cat", "c_a_t", "dog", "Catfish"}, false);
  type(prompt, "cat");
  EXPECT_EQ(prompt.matches(), (Names{"cat", "Catfish", "tree_cat", "scatter", "c_a_t"}));
}

TEST(ClassPrompt, ChoosesTheHighlightedMatch) {
  ClassPrompt prompt({"ant", "asp", "auk"}, false);
  EXPECT_EQ(type(prompt, "a\x1b[B\x1b[B\x1b[A\r"), State::kChosen);
  EXPECT_EQ(prompt.chosen(), Names{"asp"});
}

TEST(ClassPrompt, KnowsEveryScriptAndNoCase) {
  ClassPrompt prompt({"Ёж", "猫", "Straße", "قط"}, false);
  type(prompt, "ё");
  EXPECT_EQ(prompt.matches(), Names{"Ёж"});
  type(prompt, "\x7f猫");
  EXPECT_EQ(prompt.matches(), Names{"猫"});
  type(prompt, "\x7fSTRASSE");
  EXPECT_EQ(prompt.matches(), Names{"Straße"});
}

TEST(ClassPrompt, OffersTheSuggestionFirst) {
  ClassPrompt prompt({"ant", "bee", "cat"}, false, {"cat"});
  EXPECT_EQ(prompt.matches(), (Names{"cat", "ant", "bee"}));
  EXPECT_EQ(type(prompt, "\r"), State::kChosen);
  EXPECT_EQ(prompt.chosen(), Names{"cat"});
}

TEST(ClassPrompt, ChoosesNothingWhereNothingMatches) {
  ClassPrompt prompt({"ant"}, false);
  EXPECT_EQ(type(prompt, "zebra\r"), State::kOpen);
  EXPECT_EQ(type(prompt, "\x1b"), State::kCancelled);
  EXPECT_EQ(type(prompt, "\x03"), State::kCancelled);
}

TEST(ClassPrompt, TakesSeveralLabels) {
  ClassPrompt prompt({"ant", "bee", "cat"}, true);
  EXPECT_EQ(type(prompt, "be;ca\t"), State::kOpen);
  EXPECT_EQ(prompt.completed(), (Names{"bee", "cat"}));
  EXPECT_EQ(type(prompt, "\x7f\r"), State::kChosen);  // backspace takes the cat back, enter ends the list
  EXPECT_EQ(prompt.chosen(), Names{"bee"});
}

}  // namespace
}  // namespace margay::cli
