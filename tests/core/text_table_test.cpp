#include "margay/core/text_table.h"

#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

#include "margay/core/text_bar.h"

namespace margay::core {
namespace {

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

TEST(OneLine, TakesControlCharactersOut) { EXPECT_EQ(one_line("a\nb\x1b[1m\x7f柴"), "a b [1m 柴"); }

}  // namespace
}  // namespace margay::core
