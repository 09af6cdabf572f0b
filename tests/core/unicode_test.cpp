#include "margay/core/unicode.h"

#include <gtest/gtest.h>

namespace margay::core {
namespace {

TEST(Unicode, FindsTheFirstByteThatIsNotUtf8) {
  EXPECT_EQ(first_non_utf8("caf\xC3\xA9 柴犬 🐈"), std::nullopt);
  EXPECT_EQ(first_non_utf8("caf\xE9"), 3U);
  EXPECT_EQ(first_non_utf8("\xED\xA0\x80"), 0U) << "half of a pair";
  EXPECT_EQ(first_non_utf8("a\xC0\x80"), 1U) << "longer than needed";
  EXPECT_EQ(first_non_utf8("\xF4\x90\x80\x80"), 0U) << "beyond the last code point";
  EXPECT_EQ(first_non_utf8("ab\xE2\x82"), 2U) << "cut";
}

TEST(Unicode, ComposesWhatMacOsDecomposes) {
  EXPECT_EQ(composed("Cafe\u0301"), "Caf\u00E9");
  EXPECT_EQ(composed("и\u0306од"), "йод");
  EXPECT_EQ(composed("\u1112\u1161\u11AB"), "한");
  EXPECT_EQ(composed("plain"), "plain");
  EXPECT_EQ(composed("caf\xE9"), "caf\xE9") << "no UTF-8, so unchanged";
}

TEST(Unicode, FoldsWhatReadersOverlook) {
  for (const char* name : {"Cup", "cup ", "\tCUP", "ｃｕｐ", "c\u200Bup", "cup\uFEFF", "\u00A0cup\u3000", "cup\n"}) {
    EXPECT_EQ(folded(name), "cup") << with_hidden_shown(name);
  }
  EXPECT_EQ(folded("STRASSE"), folded("Straße"));
  EXPECT_EQ(folded("Cafe\u0301"), folded("CAF\u00C9"));
  EXPECT_EQ(folded("hot \u00A0 dog"), "hot dog");
  EXPECT_EQ(folded("cat\u2019s"), "cat's");
  EXPECT_EQ(folded("Ёж"), folded("ёж"));
  EXPECT_NE(folded("Bär"), folded("Bar"));
  EXPECT_NE(folded("а"), folded("a")) << "a Cyrillic letter is another one";
  EXPECT_EQ(folded("柴犬"), "柴犬");
  EXPECT_EQ(folded("A\xFF"), "A\xFF");
}

TEST(Unicode, ShowsWhatLeavesNoTraceOnAScreen) {
  EXPECT_EQ(with_hidden_shown("cup\u200B"), "cup<U+200B>");
  EXPECT_EQ(with_hidden_shown(" hot dog "), "<U+0020>hot dog<U+0020>");
  EXPECT_EQ(with_hidden_shown("a\u00A0b\n"), "a<U+00A0>b<U+000A>");
  EXPECT_EQ(with_hidden_shown("Cafe\u0301"), "Cafe<U+0301>");
  EXPECT_EQ(with_hidden_shown("Caf\u00E9 हिन्दी"), "Caf\u00E9 हिन्दी");
  EXPECT_EQ(with_hidden_shown("caf\xE9"), "caf<E9>");
}

}  // namespace
}  // namespace margay::core
