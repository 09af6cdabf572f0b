#include "margay/chart/line_chart.h"

#include <gtest/gtest.h>

#include "tests/support/special_numbers.h"

namespace margay::chart {
namespace {

LineChart two_curves() {
  LineChart chart{.title = "Loss", .x = {.label = "step"}, .y = {.label = "loss"}, .series = {}, .marks = {}};
  chart.series = {{.name = "train", .x = {}, .y = {3, 2, 1}}, {.name = "valid", .x = {}, .y = {3, 2.5, 2}}};
  chart.marks = {{"best", 2, 2}};
  return chart;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// What keeps a text from being well-formed XML as far as chart_svg uses it (elements, attributes in double quotes,
/// references); "" when nothing does.
std::string fault_of(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < xml.size(); ++at) {
    if (xml[at] == '&') {
      const std::string name = xml.substr(at + 1, xml.find(';', at) - at - 1);
      if (name != "amp" && name != "lt" && name != "gt" && name != "quot" && name != "#39") return "reference " + name;
    }
    if (xml[at] != '<') continue;
    const std::size_t end = xml.find('>', at);
    const std::string tag = xml.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" \n/", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag.find('<') != std::string::npos || count_of(tag, "\"") % 2 != 0) return "tag " + tag;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return "end of " + name;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty() ? "" : "open " + open.back();
}

TEST(ChartSvg, IsWellFormed) {
  EXPECT_EQ(fault_of("<a x=\"1\"><b/>&amp;</a>"), "");
  EXPECT_EQ(fault_of("<a><b></a>"), "end of a");
  EXPECT_EQ(fault_of(chart_svg(two_curves())), "");
  EXPECT_EQ(fault_of(chart_svg(LineChart{})), "");
}

TEST(ChartSvg, EscapesEveryWordAndMendsBytes) {
  const std::string hostile = "<script>alert(\"&'\")</script>\x01\xff";
  LineChart chart = two_curves();
  chart.title = chart.x.label = chart.y.label = chart.series[0].name = chart.marks[0].name = hostile;
  const std::string svg = chart_svg(chart);
  EXPECT_EQ(fault_of(svg), "");
  EXPECT_EQ(count_of(svg, "<script"), 0U);
  EXPECT_EQ(count_of(svg, "\x01"), 0U);
  EXPECT_EQ(count_of(svg, "\xff"), 0U);
  EXPECT_GE(count_of(svg, "&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt; \xEF\xBF\xBD"), 5U);
}

TEST(ChartSvg, NeedsNothingFromElsewhere) {
  const std::string svg = chart_svg(two_curves());
  for (const char* foreign : {"href", "src=", "@import", "url(", "<link", "<script"})
    EXPECT_EQ(count_of(svg, foreign), 0U);
  EXPECT_EQ(count_of(svg, "http"), 1U);  // the name of the format
}

TEST(ChartSvg, SaysWhatItShows) {
  const std::string svg = chart_svg(two_curves());
  EXPECT_EQ(count_of(svg, R"(role="img" aria-label="Loss: loss over step")"), 1U);
  EXPECT_EQ(count_of(svg, "<title>Loss: loss over step</title>"), 1U);
  EXPECT_EQ(count_of(svg, "<title>valid</title>"), 1U);
  EXPECT_EQ(count_of(svg, "<title>best: 2, 2</title>"), 1U);
  EXPECT_EQ(count_of(svg, ">best 2</text>"), 1U);
}

TEST(ChartSvg, DrawsEachCurveInItsColour) {
  const std::string svg = chart_svg(two_curves());
  EXPECT_EQ(count_of(svg, R"(<polyline color="#0072b2")"), 2U);  // the curve and its sample in the legend
  EXPECT_EQ(count_of(svg, R"(<polyline color="#d55e00")"), 2U);
}

TEST(ChartSvg, PutsPointsWhereTheyBelong) {
  LineChart chart;
  chart.x = {.label = "", .low = 0, .high = 1};
  chart.y = {.label = "", .low = 0, .high = 1};
  chart.series = {{.name = "", .x = {0, 1}, .y = {0, 1}}};
  const std::string svg = chart_svg(chart, {.width = 400, .height = 300});
  EXPECT_EQ(count_of(svg, R"(<polyline color="#0072b2" stroke-width="2" points="51.5,258.0 382.0,25.0"/>)"), 1U) << svg;
}

TEST(ChartSvg, HasNoNumberThatIsNone) {
  LineChart chart = two_curves();
  chart.series[0].y = {kInfinity, 1, -kInfinity};
  chart.marks.push_back({"nowhere", kInfinity, 1});
  for (const AxisScale scale : {AxisScale::kLinear, AxisScale::kLog}) {
    chart.y.scale = scale;
    const std::string svg = chart_svg(chart);
    EXPECT_EQ(count_of(svg, "nan"), 0U);
    EXPECT_EQ(count_of(svg, "inf"), 0U);
    EXPECT_EQ(count_of(svg, "nowhere"), 0U);
  }
}

TEST(ChartSvg, TheLegendOfManyRunsSaysHowManyItLeavesOut) {
  LineChart chart;
  for (int i = 0; i < 60; ++i)
    chart.series.push_back({.name = "run " + std::to_string(i), .x = {}, .y = {1.0, 1.0 * i}});
  const std::string svg = chart_svg(chart);
  EXPECT_EQ(count_of(svg, "<text class=\"ink\" x"), 40U);
  EXPECT_EQ(count_of(svg, ">and 20 more</text>"), 1U);
}

TEST(ChartSvg, PutsChartsBelowEachOther) {
  const std::string svg = chart_svg({two_curves(), LineChart{}}, {.width = 600, .height = 500});
  EXPECT_EQ(fault_of(svg), "");
  EXPECT_EQ(count_of(svg, "<svg"), 1U);
  EXPECT_EQ(count_of(svg, ">no data</text>"), 1U);
  EXPECT_THROW(chart_svg(std::vector<LineChart>{}), std::invalid_argument);
  EXPECT_THROW(chart_svg(two_curves(), {.width = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::chart
