#include "apps/cli/terminal_image.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/cli/terminal_session.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

core::Image two_pixels() {
  core::Image image(2, 1);
  image.pixels = {255, 0, 0, 0, 0, 255};
  return image;
}

TEST(TerminalImage, BlocksHoldTwoPixelsInTheColoursOfTheStyle) {
  const CellArea one_cell = {.columns = 1, .rows = 1};
  EXPECT_EQ(image_lines(two_pixels(), one_cell, ImageStyle::kBlocks),
            std::vector<std::string>{"\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m▀\x1b[0m"});
  EXPECT_EQ(image_lines(two_pixels(), one_cell, ImageStyle::kBlocks256),
            std::vector<std::string>{"\x1b[38;5;196m\x1b[48;5;21m▀\x1b[0m"});
}

TEST(TerminalImage, FillsTheAreaAndKeepsItsProportions) {
  const core::Image wide(10, 40);
  EXPECT_EQ(image_lines(wide, {.columns = 80, .rows = 24}, ImageStyle::kBlocks).size(), 10U);  // 80 x 20 pixels
  EXPECT_EQ(image_lines(wide, {.columns = 20, .rows = 24}, ImageStyle::kShades).size(), 3U);   // a cell is 1 x 2
  const core::Image high(40, 10);
  const auto shades = image_lines(high, {.columns = 80, .rows = 24}, ImageStyle::kShades);
  EXPECT_EQ(shades.size(), 24U);
  EXPECT_EQ(core::text_width(shades.front()), 12U);
}

TEST(TerminalImage, ShadesNeedNoColours) {
  core::Image image(1, 2);
  image.pixels = {0, 0, 0, 255, 255, 255};
  const auto lines = image_lines(image, {.columns = 2, .rows = 1}, ImageStyle::kShades);
  EXPECT_EQ(lines, std::vector<std::string>{" @"});
}

TEST(TerminalImage, XtermsColoursAreTheNearest) {
  EXPECT_EQ(detail::xterm_colour(0, 0, 0), 16);
  EXPECT_EQ(detail::xterm_colour(255, 255, 255), 231);
  EXPECT_EQ(detail::xterm_colour(128, 128, 128), 244);
  EXPECT_EQ(detail::xterm_colour(95, 135, 175), 67);
}

// Red above blue: the colours 180 and 5 of the cube, the first sixel bit and the second, one column.
TEST(TerminalImage, SixelsAreWrittenInBandsOfSixRows) {
  EXPECT_EQ(detail::sixels(two_pixels()), "\x1bP0;1;0q\"1;1;1;2#5;2;0;0;100#180;2;100;0;0#5A$#180@$-\x1b\\");
  core::Image red(1, 9);
  for (std::size_t i = 0; i < red.pixels.size(); i += 3) red.pixels[i] = 255;
  EXPECT_NE(detail::sixels(red).find("#180!9@"), std::string::npos);
}

TEST(TerminalImage, KittysPixelsComeInChunksAndLeaveTheCursor) {
  const core::Image image(60, 60);
  const auto lines = image_lines(image, {.columns = 10, .rows = 5}, ImageStyle::kKitty);
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0].rfind("\x1b_Ga=T,f=24,s=100,v=100,c=10,r=5,C=1,q=2,m=1;", 0), 0U);
  EXPECT_NE(lines[0].find("\x1b_Gm=0;"), std::string::npos);
  EXPECT_TRUE(lines[1].empty());
}

TEST(TerminalImage, RefusesWhatHasNoPixelsOrCells) {
  EXPECT_THROW(image_lines(core::Image(), {}, ImageStyle::kBlocks), std::invalid_argument);
  EXPECT_THROW(image_lines(two_pixels(), {.columns = 0}, ImageStyle::kBlocks), std::invalid_argument);
  EXPECT_THROW(image_lines(two_pixels(), {}, ImageStyle::kAuto), std::invalid_argument);
  EXPECT_TRUE(image_lines(two_pixels(), {}, ImageStyle::kNone).empty());
}

TEST(TerminalStyle, FollowsWhatTheVariablesPromise) {
  EXPECT_EQ(style_of_variables("truecolor", "xterm-256color", true), ImageStyle::kBlocks);
  EXPECT_EQ(style_of_variables("", "xterm-256color", true), ImageStyle::kBlocks256);
  EXPECT_EQ(style_of_variables("", "xterm", true), ImageStyle::kShades);
  EXPECT_EQ(style_of_variables("truecolor", "xterm-256color", false), ImageStyle::kShades);
  EXPECT_EQ(style_of_variables("truecolor", "dumb", true), ImageStyle::kShades);
  EXPECT_EQ(style_of_variables("truecolor", "", true), ImageStyle::kShades);
}

}  // namespace
}  // namespace margay::cli
