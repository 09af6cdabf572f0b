#include "apps/cli/terminal_image.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
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

/// Smooth colours, so that the mean of a few pixels says what they should be.
core::Image colour_ramps(int height, int width) {
  core::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* const pixel = image.row(y) + 3 * x;
      pixel[0] = static_cast<std::uint8_t>(255 * x / (width - 1));
      pixel[1] = static_cast<std::uint8_t>(255 * y / (height - 1));
      pixel[2] = static_cast<std::uint8_t>(128 + 100 * ((x / 16 + y / 16) % 2));
    }
  }
  return image;
}

using Rgb = std::array<int, 3>;

/// A terminal that knows sixels alone, written from the VT330/VT340 programmer reference, chapter 14. It fails where a
/// sixel terminal would draw outside the image that its raster attributes announce, and for colours nobody defined.
class SixelTerminal {
 public:
  explicit SixelTerminal(std::string_view text) : text_(text) {
    expect("\x1bP");
    parameters();  // aspect, background, grid: what raster attributes say counts
    expect("q\"");
    const std::vector<int> raster = parameters();
    EXPECT_EQ(raster.size(), 4U);
    width = raster.at(2);
    height = raster.at(3);
    pixels.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), {-1, -1, -1});
    while (!text_.starts_with("\x1b\\")) step();
    expect("\x1b\\");
    EXPECT_TRUE(text_.empty());
    EXPECT_LT(top_, height) << "the last band is followed by a new line, which would scroll the screen";
  }

  const Rgb& at(int y, int x) const {
    return pixels.at(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x));
  }

  int width = 0;
  int height = 0;
  std::vector<Rgb> pixels;  ///< −1: nothing was drawn there

 private:
  char take() {
    if (text_.empty()) throw std::runtime_error("the sixels end too early");
    const char first = text_.front();
    text_.remove_prefix(1);
    return first;
  }
  void expect(std::string_view what) {
    if (!text_.starts_with(what)) throw std::runtime_error("expected " + std::string(what));
    text_.remove_prefix(what.size());
  }
  std::vector<int> parameters() {
    std::vector<int> numbers(1, 0);
    for (; !text_.empty() && (std::isdigit(static_cast<unsigned char>(text_.front())) != 0 || text_.front() == ';');
         text_.remove_prefix(1)) {
      if (text_.front() == ';') {
        numbers.push_back(0);
      } else {
        numbers.back() = 10 * numbers.back() + (text_.front() - '0');
      }
    }
    return numbers;
  }
  void step() {
    const char command = take();
    if (command == '$') {
      left_ = 0;
    } else if (command == '-') {
      left_ = 0;
      top_ += 6;
    } else if (command == '#') {
      choose_colour(parameters());
    } else if (command == '!') {
      const int count = parameters().at(0);
      draw(take(), count);
    } else {
      draw(command, 1);
    }
  }
  void choose_colour(const std::vector<int>& numbers) {
    if (numbers.size() == 5) {
      EXPECT_EQ(numbers[1], 2) << "2 is RGB";
      for (std::size_t i = 2; i < 5; ++i) EXPECT_LE(numbers[i], 100) << "levels are in percent";
      colours_[numbers[0]] = {numbers[2] * 255 / 100, numbers[3] * 255 / 100, numbers[4] * 255 / 100};
    }
    colour_ = colours_.at(numbers[0]);
  }
  void draw(char sixel, int count) {
    if (sixel < '?' || sixel > '~') throw std::runtime_error(std::string("no sixel: ") + sixel);
    for (int bits = sixel - '?'; count > 0; --count, ++left_) {
      for (int i = 0; i < 6; ++i) {
        if ((bits >> i & 1) == 0) continue;
        if (left_ >= width || top_ + i >= height) throw std::runtime_error("outside the image");
        pixels.at(static_cast<std::size_t>(top_ + i) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(left_)) = colour_;
      }
    }
  }

  std::string_view text_;
  std::map<int, Rgb> colours_;
  Rgb colour_ = {};
  int left_ = 0;
  int top_ = 0;
};

/// RFC 4648, section 4, without any tolerance.
std::vector<std::uint8_t> base64_decoded(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  EXPECT_EQ(text.size() % 4, 0U);
  std::vector<std::uint8_t> bytes;
  unsigned value = 0;
  int bits = 0;
  for (const char digit : text) {
    if (digit == '=') break;
    EXPECT_NE(kDigits.find(digit), std::string_view::npos) << digit;
    value = value << 6 | static_cast<unsigned>(kDigits.find(digit));
    bits += 6;
    if (bits >= 8) bytes.push_back(static_cast<std::uint8_t>(value >> (bits -= 8) & 0xff));
  }
  return bytes;
}

/// What one image of kitty's graphics protocol transmits: the first command's keys, and the pixels of all chunks. Fails
/// where chunks are larger than 4,096 bytes or no multiple of four, or have other keys than they may.
struct KittyImage {
  std::map<std::string, std::string> keys;
  std::string data;

  explicit KittyImage(std::string_view text) {
    for (bool has_more = true; has_more;) {
      if (!text.starts_with("\x1b_G")) throw std::runtime_error("no graphics command");
      const std::size_t semicolon = text.find(';');
      const std::size_t end = text.find("\x1b\\");
      if (semicolon == std::string_view::npos || end == std::string_view::npos) throw std::runtime_error("cut off");
      std::map<std::string, std::string> own = keys_of(text.substr(3, semicolon - 3));
      has_more = own.at("m") == "1";
      const std::string_view chunk = text.substr(semicolon + 1, end - semicolon - 1);
      EXPECT_LE(chunk.size(), 4096U);
      if (has_more) {
        EXPECT_EQ(chunk.size() % 4, 0U);
      }
      if (!data.empty()) {
        EXPECT_EQ(own.size(), 1U) << "later chunks have the key m alone";
      }
      if (data.empty()) keys = std::move(own);
      data += chunk;
      text.remove_prefix(end + 2);
    }
    EXPECT_TRUE(text.empty());
  }

  static std::map<std::string, std::string> keys_of(std::string_view text) {
    std::map<std::string, std::string> keys;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t comma = std::min(text.find(',', begin), text.size());
      const std::string_view pair = text.substr(begin, comma - begin);
      keys[std::string(pair.substr(0, pair.find('=')))] = pair.substr(pair.find('=') + 1);
      begin = comma + 1;
    }
    return keys;
  }
};

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
  EXPECT_EQ(detail::sixels(two_pixels()), "\x1bP0;1;0q\"1;1;1;2#5;2;0;0;100#180;2;100;0;0#5A$#180@\x1b\\");
  core::Image red(1, 9);
  for (std::size_t i = 0; i < red.pixels.size(); i += 3) red.pixels[i] = 255;
  EXPECT_NE(detail::sixels(red).find("#180!9@"), std::string::npos);
}

TEST(TerminalImage, ATerminalDrawsEveryPixelOfSixelsInTheColoursOfTheImage) {
  const core::Image image = colour_ramps(37, 90);  // no whole number of bands
  const SixelTerminal drawn(detail::sixels(image));
  ASSERT_EQ(drawn.width, 90);
  ASSERT_EQ(drawn.height, 37);
  constexpr int kSide = 12;  // dithered colours are right on average alone
  for (int y = 0; y + kSide <= drawn.height; y += kSide) {
    for (int x = 0; x + kSide <= drawn.width; x += kSide) {
      for (std::size_t c = 0; c < 3; ++c) {
        int difference = 0;
        for (int i = 0; i < kSide * kSide; ++i) {
          const int row = y + i / kSide;
          const int column = x + i % kSide;
          ASSERT_GE(drawn.at(row, column)[c], 0) << "nothing is drawn at " << row << ", " << column;
          difference += drawn.at(row, column)[c] - image.row(row)[3 * column + static_cast<int>(c)];
        }
        EXPECT_LT(std::abs(difference), 8 * kSide * kSide) << "around " << y << ", " << x;
      }
    }
  }
}

TEST(TerminalImage, ATerminalGetsKittysPixelsAsTheyAre) {
  const core::Image image = colour_ramps(60, 80);
  const CellArea exactly{.columns = 8, .rows = 3, .cell_width_px = 10, .cell_height_px = 20};
  KittyImage sent(image_lines(image, exactly, ImageStyle::kKitty).at(0));
  EXPECT_EQ(sent.keys["a"], "T");
  EXPECT_EQ(sent.keys["f"], "24");
  EXPECT_EQ(sent.keys["s"], "80");
  EXPECT_EQ(sent.keys["v"], "60");
  EXPECT_EQ(sent.keys["c"], "8");
  EXPECT_EQ(sent.keys["r"], "3");
  EXPECT_EQ(sent.keys["C"], "1");
  EXPECT_EQ(base64_decoded(sent.data), image.pixels);
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
