#include <gtest/gtest.h>

#include "margay/data/check/class_name.h"

namespace margay::data {
namespace {

TEST(FoldedName, IgnoresCaseBlanksAndSeparators) {
  EXPECT_EQ(folded_name("Great_Pyrenees"), "great pyrenees");
  EXPECT_EQ(folded_name("  great  PYRENEES "), "great pyrenees");
  EXPECT_EQ(folded_name("great\xC2\xA0pyrenees\xE2\x80\x8B"), "great pyrenees");  // no-break space, no width
  EXPECT_EQ(folded_name("ЁЖ"), folded_name("ёж"));
  EXPECT_EQ(folded_name("ÄGÄIS"), "ägäis");
}

TEST(FoldedName, JoinsLettersAndTheirAccents) {
  EXPECT_EQ(folded_name("Cafe\u0301"), "café");
  EXPECT_EQ(folded_name("и\u0306од"), "йод");
}

TEST(FoldedName, KeepsWhatTellsNamesApart) {
  EXPECT_NE(folded_name("Bär"), folded_name("Bar"));
  EXPECT_NE(folded_name("12"), folded_name("1 2"));
  EXPECT_NE(folded_name("-1"), folded_name("1"));
  EXPECT_NE(folded_name("temp -1"), folded_name("temp 1"));
  EXPECT_NE(folded_name("c_"), folded_name("c"));
  EXPECT_EQ(folded_name("a--b"), folded_name("a b"));
  EXPECT_EQ(folded_name("柴犬"), "柴犬");
  EXPECT_EQ(folded_name("🐈"), "🐈");
}

TEST(FoldedName, LeavesWhatIsNoUtf8) { EXPECT_EQ(folded_name("A\xFF"), "A\xFF"); }

}  // namespace
}  // namespace margay::data
