#include "apps/cli/terminal_keys.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace margay::cli {
namespace {

using Kind = Key::Kind;

std::vector<Kind> kinds_of(std::string bytes) {
  std::vector<Kind> kinds;
  while (const auto key = take_key(bytes, true)) kinds.push_back(key->kind);
  return kinds;
}

TEST(TerminalKeys, AreReadOneByOne) {
  EXPECT_EQ(kinds_of("k\r\x7f\t\x03\x04\x1a"), (std::vector{Kind::kText, Kind::kEnter, Kind::kBackspace, Kind::kTab,
                                                            Kind::kInterrupt, Kind::kEnd, Kind::kSuspend}));
  EXPECT_EQ(kinds_of("\x1b[A\x1bOB\x1b[1;5C"), (std::vector{Kind::kUp, Kind::kDown, Kind::kOther}));
}

TEST(TerminalKeys, ACharacterOfSeveralBytesIsOneKey) {
  std::string bytes = "猫";
  const std::string last(1, bytes.back());
  bytes.pop_back();
  EXPECT_FALSE(take_key(bytes, false).has_value());
  bytes += last;
  EXPECT_EQ(take_key(bytes, false)->text, "猫");
  EXPECT_EQ(kinds_of("\xff\xe7"), (std::vector{Kind::kOther, Kind::kOther}));
}

TEST(TerminalKeys, ALoneEscapeIsTheKeyOnlyWhenNothingFollows) {
  std::string bytes = "\x1b";
  EXPECT_FALSE(take_key(bytes, false).has_value());
  EXPECT_EQ(take_key(bytes, true)->kind, Kind::kEscape);
}

TEST(TerminalKeys, RepliesThatComeLateMeanNothing) {
  EXPECT_EQ(kinds_of("\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;4cq"),
            (std::vector{Kind::kOther, Kind::kOther, Kind::kOther, Kind::kText}));
}

TEST(TerminalReplies, TellWhatTheTerminalCan) {
  const TerminalReplies kitty = read_replies("\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62c");
  EXPECT_TRUE(kitty.has_kitty && kitty.is_complete && !kitty.has_sixel);
  EXPECT_EQ(kitty.cell_height_px, 20);
  EXPECT_EQ(kitty.cell_width_px, 10);
  const TerminalReplies sixel = read_replies("\x1b[?63;1;2;4;6c");
  EXPECT_TRUE(sixel.has_sixel && !sixel.has_kitty);
  const TerminalReplies plain = read_replies("\x1b[?1;2;64c");
  EXPECT_TRUE(plain.is_complete && !plain.has_sixel);
  EXPECT_FALSE(read_replies("\x1b[?62").is_complete);
  EXPECT_FALSE(read_replies("\x1b[?x;4c").has_sixel);
}

}  // namespace
}  // namespace margay::cli
