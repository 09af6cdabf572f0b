#include "margay/chart/render.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "margay/chart/image_grid.h"
#include "margay/chart/png.h"
#include "tests/support/png_pixels.h"
#include "tests/support/temporary_folder.h"

namespace margay::chart {
namespace {

constexpr Paint kBlack = {.role = Role::kColour, .colour = {0, 0, 0}};
constexpr Paint kRed = {.role = Role::kColour, .colour = {200, 0, 0}};

core::Image painted(int height, int width, std::vector<Shape> shapes) {
  return drawing_image({.width = width, .height = height, .title = "", .shapes = std::move(shapes)});
}

std::uint8_t red_at(const core::Image& image, int x, int y) { return image.row(y)[3 * x]; }

Drawing drawing_of(const std::string& text) {
  return {.width = 300, .height = 40, .title = "", .shapes = {DrawnText{.at = {5, 20}, .text = text}}};
}

/// The columns with ink: first … last.
struct InkColumns {
  int first = -1;
  int last = -1;
};

InkColumns ink_columns(const core::Image& image) {
  InkColumns ink;
  for (int x = 0; x < image.width; ++x) {
    for (int y = 0; y < image.height; ++y) {
      if (image.row(y)[3 * x + 1] >= 200) continue;
      if (ink.first < 0) ink.first = x;
      ink.last = x;
    }
  }
  return ink;
}

TEST(DrawingImage, LinesCoverAsMuchAsTheyAreWide) {
  const core::Image image =
      painted(20, 40, {DrawnLine{{{5, 10.5}, {35, 10.5}}, kBlack, 1}, DrawnLine{{{5, 5}, {35, 5}}, kBlack, 2}});
  EXPECT_EQ(red_at(image, 20, 10), 0);
  EXPECT_EQ(red_at(image, 20, 9), 255);
  EXPECT_EQ(red_at(image, 20, 4), 0);
  EXPECT_EQ(red_at(image, 20, 5), 0);
  EXPECT_EQ(red_at(image, 20, 3), 255);
}

TEST(DrawingImage, LinesPaintNothingTwiceWhereTheirPiecesMeet) {
  const core::Image image = painted(20, 40, {DrawnLine{{{5, 10}, {20, 10}, {20, 10}, {35, 10}}, kBlack, 1}});
  EXPECT_LT(red_at(image, 10, 10), 255);
  for (const int x : {10, 19, 20, 30}) EXPECT_EQ(red_at(image, x, 10), red_at(image, 10, 10)) << x;
}

TEST(DrawingImage, DashedLinesLeaveGapsFree) {
  const Paint dashed = {.role = Role::kSeries, .series = kSeriesColours.size()};  // 8 of line, 5 of gap, round ends
  const core::Image image = painted(20, 60, {DrawnLine{{{0, 10.5}, {26, 10.5}, {60, 10.5}}, dashed, 1}});
  for (const int x : {4, 17, 30, 43}) EXPECT_EQ(red_at(image, x, 10), kSeriesColours[0].red) << x;
  for (const int x : {10, 23, 36, 49}) EXPECT_EQ(red_at(image, x, 10), 255) << x;
}

TEST(DrawingImage, FillsBoxesAndPolygons) {
  const core::Image image =
      painted(20, 40, {DrawnBox{{2, 3, 10, 12}, kRed}, DrawnPolygon{{{20, 2}, {36, 2}, {20, 18}}, kRed}});
  EXPECT_EQ(red_at(image, 2, 3), 200);
  EXPECT_EQ(red_at(image, 9, 11), 200);
  EXPECT_EQ(red_at(image, 10, 11), 255);
  EXPECT_EQ(red_at(image, 1, 3), 255);
  EXPECT_EQ(red_at(image, 22, 5), 200);
  EXPECT_EQ(red_at(image, 34, 15), 255);
}

TEST(DrawingImage, KeepsTheImagesInIt) {
  core::Image tile(3, 2);
  for (std::size_t i = 0; i < tile.pixels.size(); ++i) tile.pixels[i] = static_cast<std::uint8_t>(13 * i);
  const core::Image image = painted(6, 8, {DrawnImage{tile, {1, 2, 3, 5}}});
  for (int y = 0; y < 3; ++y) {
    EXPECT_EQ(std::vector<std::uint8_t>(image.row(y + 2) + 3, image.row(y + 2) + 9),
              std::vector<std::uint8_t>(tile.row(y), tile.row(y) + 6));
  }
  EXPECT_EQ(red_at(image, 0, 2), 255);
  EXPECT_EQ(red_at(image, 3, 2), 255);
}

TEST(DrawingImage, IsPaintedInPartsWhereItIsLarge) {
  const core::Image image =
      painted(2, 40'000, {DrawnBox{{4'095, 0, 4'097, 2}, kRed}, DrawnBox{{39'999, 0, 40'000, 2}, kRed}});
  for (const int x : {4'095, 4'096, 39'999}) EXPECT_EQ(red_at(image, x, 1), 200) << x;
  for (const int x : {4'094, 4'097, 39'998}) EXPECT_EQ(red_at(image, x, 1), 255) << x;
  EXPECT_THROW(painted(0, 5, {}), std::invalid_argument);
}

TEST(DrawingImage, TextStandsAtItsAnchorInItsColour) {
  const core::Image image =
      painted(30, 200, {DrawnText{.at = {100, 15}, .text = "abc", .anchor = TextAnchor::kEnd, .paint = kRed}});
  for (const std::uint8_t* pixel = image.pixels.data(); pixel < &image.pixels.back(); pixel += 3)
    EXPECT_GE(*pixel, 199);
  EXPECT_NEAR(ink_columns(image).last, 99, 1);
}

TEST(DrawingImage, TextBeyondTheEdgesLeavesNoInk) {
  const core::Image image = painted(
      30, 200,
      {DrawnText{.at = {-500, -30}, .text = "outside", .anchor = TextAnchor::kMiddle}, DrawnText{.at = {50, 15}}});
  EXPECT_EQ(ink_columns(image).first, -1);
}

TEST(DrawingImage, ShapesDoNotJoinTheTextBeforeThem) {
  const DrawnText text = {.at = {5, 5}, .text = "x", .paint = kRed};
  const core::Image image =
      painted(100, 100,
              {text, DrawnLine{{{90, 80}, {95, 90}}, kBlack, 2}, text, DrawnDisc{{80, 90}, 3, kBlack}, text,
               DrawnPolygon{{{60, 90}, {66, 90}, {66, 96}}, kBlack}});
  for (int y = 20; y < 75; ++y) {
    for (int x = 0; x < 100; ++x) EXPECT_EQ(red_at(image, x, y), 255) << x << ", " << y;
  }
}

TEST(DrawingImage, TextStaysInItsRoom) {
  const std::string name = "a name that is far longer than the tile below which it stands";
  for (const TextAnchor anchor : {TextAnchor::kStart, TextAnchor::kMiddle, TextAnchor::kEnd}) {
    const double x = anchor == TextAnchor::kStart ? 100 : anchor == TextAnchor::kMiddle ? 150 : 200;
    for (const std::string& text :
         {name, std::string("قطة بيضاء كبيرة جدا على السطح"), std::string("wide wide wide")}) {
      const InkColumns ink =
          ink_columns(painted(30, 300, {DrawnText{.at = {x, 15}, .text = text, .anchor = anchor, .room_px = 100}}));
      EXPECT_GE(ink.first, 99) << text;
      EXPECT_LE(ink.last, 200) << text;
      EXPECT_GT(ink.last - ink.first, 60) << text;
    }
  }
}

TEST(DrawingSvg, HasAllShapesOfADrawing) {
  core::Image tile(1, 1);
  const std::string svg = drawing_svg(
      {.width = 100,
       .height = 50,
       .title = "a & b",
       .shapes = {DrawnBox{{1, 2, 11, 22}, kRed, "box"}, DrawnPolygon{{{0, 0}, {5, 0}, {0, 5}}, {Role::kGrid}},
                  DrawnImage{tile, {0, 0, 8, 8}, "猫"}, DrawnLine{}, DrawnImage{}}});
  EXPECT_NE(svg.find("<title>a &amp; b</title>"), std::string::npos);
  EXPECT_NE(svg.find(R"(<rect color="#c80000" x="1.0" y="2.0" width="10.0" height="20.0"><title>box</title></rect>)"),
            std::string::npos)
      << svg;
  EXPECT_NE(svg.find(R"(<polygon class="grid" points="0.0,0.0 5.0,0.0 0.0,5.0"/>)"), std::string::npos) << svg;
  EXPECT_NE(svg.find("href=\"data:image/png;base64,iVBORw0KGgo"), std::string::npos) << svg;
  EXPECT_NE(svg.find("<title>猫</title></image>"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("<polyline"), std::string::npos);
}

TEST(EncodePng, KeepsEveryPixel) {
  core::Image image(3, 5);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(7 * i);
  EXPECT_EQ(testing_support::png_pixels(encode_png(image)).pixels, image.pixels);
  EXPECT_THROW(encode_png(core::Image()), std::invalid_argument);
}

/// Ends the process with a line for each text on stderr: whether it was drawn, and the warning. The fonts are those of
/// these folders alone; fontconfig reads its configuration once in a process.
[[noreturn]] void warn_with_fonts_of(const std::vector<std::string>& folders, const std::vector<std::string>& texts) {
  const testing_support::TemporaryFolder folder;
  std::string configuration = "<?xml version=\"1.0\"?><fontconfig>";
  for (const std::string& each : folders) configuration += "<dir>" + each + "</dir>";
  testing_support::write(folder / "fonts.conf", configuration + "</fontconfig>");
  setenv("FONTCONFIG_FILE", (folder / "fonts.conf").c_str(), 1);
  for (const std::string& text : texts) {
    const Drawing drawing = drawing_of(text);
    const bool is_drawn = ink_columns(drawing_image(drawing)).first >= 0;
    std::fprintf(stderr, "%s '%s'\n", is_drawn ? "drawn" : "not drawn", font_warning(drawing).c_str());
  }
  std::exit(0);
}

TEST(FontWarning, IsEmptyForEveryScriptWithTheFontsOfThePackageList) {
  const std::vector<std::string> folders = {"/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/truetype/wqy"};
  for (const std::string& folder : folders) {
    if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is missing (tools/packages.txt)";
  }
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(warn_with_fonts_of(folders, {"猫 狗 图像", "ねこ ネコ", "고양이", "Кошка", "قطة بيضاء", "חתול", "γάτα",
                                           "naïve façade Žluťoučký", "a\nb\xff"}),
              testing::ExitedWithCode(0), "^(drawn ''\n){9}$");
}

TEST(FontWarning, NamesTheLetterTheLabelAndThePackages) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // Without any font older Pangos draw a box for each letter, newer ones nothing.
  EXPECT_EXIT(warn_with_fonts_of({}, {"猫"}), testing::ExitedWithCode(0),
              "drawn 'no font of this machine has '猫' of the label '猫'; .*fonts-dejavu-core and fonts-wqy-microhei");
}

TEST(ImageGrid, IsAsSquareAsCanBeOrAsWideAsAsked) {
  const std::vector<Tile> tiles(5, {core::Image(10, 20), "x"});
  EXPECT_EQ(tile_grid(tiles).width, 3 * 28 + 8);
  EXPECT_EQ(tile_grid(tiles).height, 2 * 40 + 8);
  EXPECT_EQ(tile_grid(tiles, 5).height, 40 + 8);
  EXPECT_THROW(tile_grid({}), std::invalid_argument);
}

TEST(ImageGrid, KeepsTheImagesAndTheirCaptionsApart) {
  core::Image dark(10, 40);
  const std::string long_name(80, 'w');
  const core::Image grid = tile_grid(std::vector<Tile>{{dark, long_name}, {dark, "猫"}}, 2);
  EXPECT_EQ(red_at(grid, 8, 8), 0);
  EXPECT_EQ(red_at(grid, 47, 17), 0);
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 48; x < 56; ++x) EXPECT_EQ(red_at(grid, x, y), 255) << "between the tiles";
  }
}

TEST(Shortened, CutsWhatIsWiderThanItsRoom) {
  EXPECT_EQ(shortened("abc", 30), "abc");
  EXPECT_EQ(shortened("abcd", 39), "ab…");
  EXPECT_EQ(shortened("猫猫猫", 40), "猫猫…");
  EXPECT_EQ(text_width_px("e\xCC\x81"), text_width_px("e")) << "a mark stands on its letter";
}

}  // namespace
}  // namespace margay::chart
