#include "margay/collective/life_sign.h"

#include <gtest/gtest.h>

namespace margay::collective {
namespace {

using enum LostProcess::How;

TEST(LifeSign, IsReadAsItWasStored) {
  const LifeSign sign{.state = LifeSign::State::kFailed,
                      .number = 12,
                      .host = "node01",
                      .process = 4711,
                      .position = "step 12 of epoch 2",
                      .operation = "a decision",
                      .error = "cat.jpg: not an image"};
  const LifeSign read = read_life_sign(stored(sign));
  EXPECT_EQ(read.state, sign.state);
  EXPECT_EQ(read.number, sign.number);
  EXPECT_EQ(read.name(3), "rank 3 (node01, process 4711)");
  EXPECT_EQ(read.place(), "at step 12 of epoch 2, waiting for a decision");
  EXPECT_EQ(read.error, sign.error);
}

TEST(LifeSign, HasNothingButItsDefaultsWhereItCannotBeRead) {
  for (const std::string text : {"", "alive\n7", "[1]", R"({"state": "asleep"})"}) {
    const LifeSign sign = read_life_sign(text);
    EXPECT_FALSE(sign.has_ended()) << text;
    EXPECT_EQ(sign.name(3), "rank 3") << text;
    EXPECT_EQ(sign.place(), "before the first step") << text;
  }
}

TEST(LifeSign, KeepsErrorsOfAnyBytes) {
  const LifeSign sign{.state = LifeSign::State::kFailed, .error = "caf\xE9:\nnot an image"};
  EXPECT_EQ(read_life_sign(stored(sign)).error, "caf\xEF\xBF\xBD: not an image");
}

TEST(LostProcess, IsReadAsItWasStored) {
  const LostProcess lost{.rank = 2, .how = kFailed, .text = "rank 2 ended", .error = "no space left"};
  const LostProcess read = read_lost_process(stored(lost));
  EXPECT_EQ(read.rank, lost.rank);
  EXPECT_EQ(read.how, lost.how);
  EXPECT_EQ(read.text, lost.text);
  EXPECT_EQ(read.error, lost.error);
  EXPECT_EQ(read_lost_process(stored(LostProcess{.text = "the launcher is lost"})).rank, std::nullopt);
  EXPECT_EQ(read_lost_process("rank 2 is lost").text, "rank 2 is lost");
}

TEST(LostProcess, IsKnownToRankZeroUnlessItIsRankZeroThatIsSilent) {
  EXPECT_TRUE((LostProcess{.rank = 1, .how = kSilent}.is_known_to_first()));
  EXPECT_TRUE((LostProcess{.rank = 1, .how = kFailed}.is_known_to_first()));
  EXPECT_TRUE((LostProcess{.rank = 0, .how = kFailed}.is_known_to_first()));
  EXPECT_FALSE((LostProcess{.rank = 0, .how = kSilent}.is_known_to_first()));
  EXPECT_FALSE(LostProcess{}.is_known_to_first()) << "of a store that no process keeps";
}

TEST(LostProcess, HasSaidWhatAllFindOutAlike) {
  const LostProcess lost = read_lost_process(stored(LostProcess{.rank = 0, .how = kFailed, .error = "two\nlines"}));
  EXPECT_TRUE(lost.has_said("two\nlines"));
  EXPECT_TRUE(lost.has_said("two")) << "rank 0 has added what to do";
  EXPECT_FALSE(lost.has_said("lines"));
  EXPECT_FALSE((LostProcess{.rank = 0, .how = kSilent}.has_said("")));
}

}  // namespace
}  // namespace margay::collective
