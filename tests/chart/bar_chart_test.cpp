#include "margay/chart/bar_chart.h"

#include <gtest/gtest.h>

#include "margay/chart/render.h"
#include "margay/core/text.h"
#include "tests/support/special_numbers.h"

namespace margay::chart {
namespace {

BarChart two_bars() {
  return {.title = "Recall",
          .label = "share of the class",
          .high = 1,
          .bars = {{.name = "cat", .value = 0.5, .interval = BarInterval{0.25, 0.75}, .note = "2 of 4"},
                   {.name = "dog", .value = 1, .interval = BarInterval{0.5, 1}, .note = "4 of 4"}}};
}

TEST(BarText, ShowsNameBarNumberIntervalAndNote) {
  EXPECT_EQ(bar_text(two_bars(), {.columns = 60, .glyphs = TextGlyphs::kAscii}),
            "Recall\n"
            "share of the class\n"
            "cat #############               0.500  0.250 – 0.750  2 of 4\n"
            "dog ##########################  1.000  0.500 – 1.000  4 of 4\n");
}

TEST(BarText, GivesUpNoteIntervalAndBarInNarrowTerminals) {
  EXPECT_EQ(bar_text(two_bars(), {.columns = 34}),
            "Recall\n"
            "share of the class\n"
            "cat ████      0.500  0.250 – 0.750\n"
            "dog ████████  1.000  0.500 – 1.000\n");
  EXPECT_EQ(bar_text(two_bars(), {.columns = 20}),
            "Recall\n"
            "share of the class\n"
            "cat ████▌      0.500\n"
            "dog █████████  1.000\n");
  BarChart chart = two_bars();
  chart.bars[0].name = "a name that is far too long";
  for (const int columns : {20, 30, 40, 80}) {
    const std::string text = bar_text(chart, {.columns = columns});
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      EXPECT_LE(core::text_width(text.substr(at, end - at)), static_cast<std::size_t>(columns)) << text;
      at = end + 1;
    }
  }
}

TEST(BarText, WritesIntegersAsSuchAndSaysWhatIsMissing) {
  BarChart chart{.title = "", .label = "", .high = {}, .bars = {{"a", 12}, {"b", kNan}}, .left_out = 3};
  EXPECT_EQ(bar_text(chart, {.columns = 24, .glyphs = TextGlyphs::kAscii}),
            "a #################   12\n"
            "b                    n/a\n"
            "and 3 more\n");
  chart.bars.clear();
  chart.left_out = 0;
  EXPECT_EQ(bar_text(chart), "no data\n");
}

TEST(BarDrawing, DrawsEachBarToItsLength) {
  const Drawing drawing = bar_drawing(two_bars());
  std::vector<DrawnBox> bars;
  for (const Shape& shape : drawing.shapes) {
    const auto* box = std::get_if<DrawnBox>(&shape);
    if (box != nullptr && !box->name.empty()) bars.push_back(*box);
  }
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_DOUBLE_EQ(2 * bars[0].box.width(), bars[1].box.width());
  EXPECT_EQ(bars[0].name, "cat: 0.500 (0.250 – 0.750)  2 of 4");
  EXPECT_GT(drawing_image(drawing).height, 80);
}

TEST(BarDrawing, OfAThousandBarsStandsInColumns) {
  BarChart chart = two_bars();
  for (int i = 0; i < 998; ++i) chart.bars.push_back(chart.bars[0]);
  const Drawing drawing = bar_drawing(chart);
  EXPECT_LT(drawing.height, 5000);
  EXPECT_LT(drawing.width, 5000);
}

TEST(BarDrawing, RefusesWhatHasNoBar) {
  BarChart chart = two_bars();
  chart.bars[0].value = -1;
  EXPECT_THROW(bar_drawing(chart), std::invalid_argument);
  chart = two_bars();
  chart.high = 0;
  EXPECT_THROW(bar_text(chart), std::invalid_argument);
}

TEST(BlockBar, FillsItsShareInEighths) {
  EXPECT_EQ(block_bar(0.5, 4, TextGlyphs::kBraille), "██");
  EXPECT_EQ(block_bar(0.53125, 4, TextGlyphs::kBraille), "██▏");
  EXPECT_EQ(block_bar(1e-9, 4, TextGlyphs::kBraille), "▏");
  EXPECT_EQ(block_bar(2, 3, TextGlyphs::kAscii), "###");
  EXPECT_EQ(block_bar(0, 4, TextGlyphs::kAscii), "");
  EXPECT_EQ(block_bar(kNan, 4, TextGlyphs::kBraille), "");
}

TEST(ShadeBlock, IsEmptyForNothingAlone) {
  EXPECT_EQ(shade_block(0, TextGlyphs::kAscii), " ");
  EXPECT_EQ(shade_block(1e-9, TextGlyphs::kAscii), ".");
  EXPECT_EQ(shade_block(0.0625, TextGlyphs::kAscii), ".");
  EXPECT_EQ(shade_block(0.07, TextGlyphs::kAscii), ":");
  EXPECT_EQ(shade_block(0.5, TextGlyphs::kBraille), "▓");
  EXPECT_EQ(shade_block(1, TextGlyphs::kBraille), "█");
}

}  // namespace
}  // namespace margay::chart
