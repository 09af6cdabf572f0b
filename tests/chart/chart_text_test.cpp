#include "margay/chart/line_chart.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "margay/core/text.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::chart {
namespace {

using testing_support::thrown_message;

constexpr TextChartOptions kSmall = {.columns = 28, .rows = 5};
constexpr TextChartOptions kSmallAscii = {.columns = 28, .rows = 5, .glyphs = TextGlyphs::kAscii};

LineChart parabola() {
  LineChart chart{.title = "Loss", .x = {.label = "step"}, .y = {.label = "loss"}, .series = {}, .marks = {}};
  chart.series.push_back({.name = "train", .x = {}, .y = {4, 2.25, 1, 0.25, 0, 0.25, 1, 2.25, 4}});
  chart.marks = {{"lowest", 4, 0}};
  return chart;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(ChartText, DrawsWithBrailleDots) {
  EXPECT_EQ("\n" + chart_text(parabola(), kSmall), R"(
   Loss
   ⠒⠒ train   a lowest 4
   loss
4 ┤⠱⡀                     ⢀⠎
  │ ⠘⢤                   ⡤⠃
2 ┤   ⠑⢄               ⡠⠊
  │     ⠑⢄⡀         ⢀⡠⠚
0 ┤       ⠈⠑⠦⠤⢄a⡠⠤⠤⠊⠁
  └┬──────────────┬─────────
   0              5
             step
)");
}

TEST(ChartText, DrawsWithAsciiAlone) {
  EXPECT_EQ("\n" + chart_text(parabola(), kSmallAscii), R"(
   Loss
   * train   a lowest 4
   loss
4 +*                       *
  | **                   **
2 +   **               **
  |     ***         ***
0 +        ****a****
  ++--------------+---------
   0              5
             step
)");
}

TEST(ChartText, LinesFitAndEndWithoutSpaces) {
  LineChart chart = parabola();
  chart.x.scale = AxisScale::kLog;
  for (int i = 0; i < 12; ++i)
    chart.series.push_back({.name = "run " + std::to_string(i), .x = {1, 8}, .y = {1.0 * i, 2}});
  for (int columns = 20; columns < 100; columns += 7) {
    for (const std::string& line : lines_of(chart_text(chart, {.columns = columns}))) {
      EXPECT_LE(core::text_width(line), static_cast<std::size_t>(columns)) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
}

TEST(ChartText, FitsIntoTwentyColumnsWhateverTheNames) {
  LineChart chart = parabola();
  chart.title = "猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫";
  chart.x.label = "a label that is longer than the chart";
  chart.y.label = "потери на обучении и на проверке";
  chart.series = {{.name = "猫猫猫猫猫猫猫猫猫猫 training", .x = {}, .y = {1, 2, 1}},
                  {.name = "b", .x = {}, .y = {2, 1, 2}}};
  chart.marks = {{"a mark with a long name", 1, 2}};
  for (const TextGlyphs glyphs : {TextGlyphs::kBraille, TextGlyphs::kAscii}) {
    for (const std::string& line : lines_of(chart_text(chart, {.columns = 20, .rows = 4, .glyphs = glyphs}))) {
      EXPECT_LE(core::text_width(line), 20U) << line;
    }
  }
}

TEST(ChartText, TellsSeveralCurvesApartWithoutColours) {
  LineChart chart = parabola();
  chart.series.push_back({.name = "valid", .x = {}, .y = {3, 3, 3, 3, 3, 3, 3, 3, 3}});
  const std::string plain = chart_text(chart, kSmall);
  EXPECT_TRUE(has(plain, "• train   ○ valid"));
  EXPECT_TRUE(has(plain, "○○○"));
  const std::string coloured = chart_text(chart, {.columns = 28, .rows = 5, .colour = TextColour::kAnsi});
  EXPECT_TRUE(has(coloured, "\x1b[38;2;213;94;0m⠒⠒\x1b[0m valid"));
  EXPECT_FALSE(has(plain, "\x1b"));
}

TEST(ChartText, LeavesAGapWhereThereIsNoNumber) {
  LineChart chart;
  chart.series = {{.name = "", .x = {}, .y = {1, 1, 1, kNan, kNan, 1, 1}}};
  const std::string text = chart_text(chart, {.columns = 40, .rows = 3, .glyphs = TextGlyphs::kAscii});
  EXPECT_TRUE(has(text, "*           ") && has(text, "            *")) << text;
}

TEST(ChartText, DrawsASinglePointAndAConstant) {
  LineChart chart;
  chart.series = {{.name = "", .x = {3}, .y = {7}}};
  EXPECT_TRUE(has(chart_text(chart, kSmallAscii), "*"));
  chart.series = {{.name = "", .x = {}, .y = {0, 0, 0}}};
  EXPECT_TRUE(has(chart_text(chart, kSmallAscii), "0 +*******"));
}

TEST(ChartText, SaysWhenThereIsNoData) {
  EXPECT_TRUE(has(chart_text(LineChart{}), "no data"));
  LineChart chart;
  chart.series = {{.name = "lost", .x = {}, .y = {kNan}}};
  EXPECT_TRUE(has(chart_text(chart), "no data"));
}

TEST(ChartText, AHighEndKeepsAnExplosionFromFlatteningTheRest) {
  LineChart chart = parabola();
  chart.series[0].y.back() = 1e12;
  chart.y.high = 4;
  EXPECT_TRUE(has(chart_text(chart, kSmallAscii), "4 +*"));
}

TEST(ChartText, MarksOnOnePointStandBesideEachOther) {
  LineChart chart = parabola();
  chart.marks = {{"one", 4, 2}, {"two", 4, 2}, {"three", 4, 2}};
  EXPECT_TRUE(has(chart_text(chart, kSmallAscii), "cab"));
}

TEST(ChartText, ChartsBelowEachOtherAreAligned) {
  LineChart rates;
  rates.series = {{.name = "", .x = {}, .y = {0, 0.002, 0.001}}};
  for (const std::string& line : lines_of(chart_text({parabola(), rates}, {.columns = 40, .rows = 10}))) {
    const std::size_t side = std::min({line.find("│"), line.find("┤"), line.find("└")});
    EXPECT_TRUE(side == std::string::npos || core::text_width(line.substr(0, side)) == 6U) << line;
  }
}

TEST(ChartText, NamesCannotSteerTheTerminal) {
  LineChart chart = parabola();
  chart.title = "a\nb\x1b[31m";
  chart.series[0].name = chart.marks[0].name = "x\ty\x1b";
  EXPECT_FALSE(has(chart_text(chart), "\x1b"));
  EXPECT_TRUE(has(chart_text(chart), "a b"));
}

TEST(ChartText, RefusesWhatIsNoChart) {
  LineChart chart = parabola();
  chart.series[0].x = {1, 2};
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { chart_text(chart); }),
            "[chart_text] series 'train' has 2 x for 9 y");
  chart = parabola();
  chart.y = {.label = "", .low = 3, .high = 3};
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { chart_text(chart); }),
            "[chart_text] the y axis must begin below its end, got 3 and 3");
  chart.y = {.label = "", .scale = AxisScale::kLog, .low = 0};
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { chart_text(chart); }),
            "[chart_text] the y axis cannot end at 0");
  EXPECT_THROW(chart_text(std::vector<LineChart>{}), std::invalid_argument);
  EXPECT_THROW(chart_text(parabola(), {.columns = 3}), std::invalid_argument);
  chart = parabola();
  chart.height_share = 0;
  EXPECT_THROW(chart_text(chart), std::invalid_argument);
}

}  // namespace
}  // namespace margay::chart
