// The three faces of an X-ray: terminal, JSON, page.
#include <sstream>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/chart/drawing.h"
#include "margay/core/html_escape.h"
#include "margay/core/text.h"
#include "margay/interpret/xray_figures.h"
#include "margay/interpret/xray_html.h"
#include "margay/interpret/xray_text.h"
#include "margay/interpret/xray_words.h"
#include "tests/support/special_numbers.h"

namespace margay::interpret {
namespace {

const char* const kHostile = R"(<script>alert("&'")</script>)";

SoftmaxXray dogs(std::vector<std::string> names, std::int64_t target = 1) {
  const torch::Tensor z = torch::tensor({{3.1, 1.0, -0.5, 1.9}}, torch::kDouble);
  return softmax_xray(z, torch::tensor({target}, torch::kLong), {.class_names = std::move(names)});
}

SoftmaxXray wide(std::int64_t target) {
  return softmax_xray(torch::arange(40, torch::kDouble).neg().unsqueeze(0), torch::tensor({target}, torch::kLong));
}

std::vector<std::string> rendered_lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::size_t count_text(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(XrayText, ColumnsStandBelowEachOtherWhateverTheAlphabet) {
  const std::vector<std::string> lines = rendered_lines_of(xray_text(dogs({"Bärenhund", "柴犬", "pug", "бигль"})));
  std::vector<std::size_t> ends;
  for (const std::string& line : lines) {
    const std::size_t at = line.find_first_of("0123456789");
    if (!line.starts_with("    ") && !line.starts_with("  >")) continue;
    if (at == std::string::npos || line.find("sum") != std::string::npos) continue;
    ends.push_back(core::text_width(line.substr(0, line.find('.'))));
  }
  ASSERT_EQ(ends.size(), 4U);
  for (const std::size_t end : ends) EXPECT_EQ(end, ends[0]);
}

TEST(XrayText, NamesCannotBreakTheTable) {
  const std::string text = xray_text(dogs({"a\nb", "c\x1b[31m", "d\te", "f"}));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("a b"), std::string::npos);
}

TEST(XrayText, ManyClassesShowTheTargetAndTheMostProbable) {
  const std::string brief = xray_text(wide(39));
  EXPECT_NE(brief.find("> 39 "), std::string::npos);
  EXPECT_NE(brief.find("… 28 more classes, together p = 1.7e-05; `all` shows them"), std::string::npos) << brief;
  EXPECT_NE(brief.find("sum of all 40"), std::string::npos);
  EXPECT_EQ(xray_text(wide(39), Extent::kAll).find("more classes"), std::string::npos);
}

TEST(XrayText, SaysWhatTheLogitsWereDividedBy) {
  const torch::Tensor z = torch::tensor({{3.1, 1.0}}, torch::kDouble);
  const SoftmaxXray calibrated = softmax_xray(z, {}, {.temperature = 1.5});
  const std::string words = "divided by the model's temperature 1.5000";
  EXPECT_NE(xray_text(calibrated).find(words), std::string::npos);
  EXPECT_NE(xray_html(calibrated, "x").find(core::html_escaped(words)), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(xray_json(calibrated))["temperature"], 1.5);
  EXPECT_EQ(xray_text(softmax_xray(z, {})).find("temperature"), std::string::npos);
  EXPECT_NE(xray_text(sigmoid_xray(z, {}, {.temperature = 1.5})).find(words), std::string::npos);
}

TEST(Verdict, NamesTheClassThatDominates) {
  EXPECT_EQ(
      verdict(dogs({"boxer", "beagle", "pug", "basset"}).rows[0]),
      "Wrong: 'boxer' got p = 0.6892, the target 'beagle' 0.0844. 47 % of this loss is the gap to 'boxer': without "
      "it the loss would be 1.3037.");
}

TEST(Verdict, SaysWhenNoClassDominates) {
  const SoftmaxXray even = softmax_xray(torch::zeros({1, 10}), torch::tensor({3}, torch::kLong));
  EXPECT_EQ(verdict(even.rows[0]),
            "Right, but not sure: the target '3' got p = 0.1000. No class dominates: the widest gap, to '0', is 5 % of "
            "this loss; without it 2.1972 would be left.");
}

TEST(Verdict, SaysWhenThereIsNothingToLearn) {
  const auto words = [](const torch::Tensor& z, std::int64_t target) {
    return verdict(softmax_xray(z, torch::tensor({target}, torch::kLong)).rows[0]);
  };
  EXPECT_EQ(words(torch::tensor({{9.0, 0.0}}), 0),
            "Right and sure: the target '0' got p = 0.9999, so the loss is nearly 0, and the gradient too.");
  EXPECT_EQ(words(torch::tensor({{-3.0}}), 0),
            "There is one class only: its p is 1 whatever the activation, and the loss 0.");
  const std::string too_wide = words(torch::tensor({{1e308, -1e308}}, torch::kDouble), 1);
  EXPECT_NE(too_wide.find("' lies further above the target than a float64 can count"), std::string::npos) << too_wide;
  EXPECT_EQ(too_wide.find("-inf"), std::string::npos) << too_wide;
  EXPECT_NE(words(torch::tensor({{-kInfinity, 0.0}}), 0).find("the loss is infinite, and no step can change that"),
            std::string::npos);
}

TEST(Verdict, NamesTheHeaviestYesOrNo) {
  const SigmoidXray xray =
      sigmoid_xray(torch::tensor({{4.5, 0.2}}), torch::tensor({{0, 1}}), {.class_names = {"cat", "dog"}});
  EXPECT_EQ(verdict(xray.rows[0]), "88 % of this loss is 'cat': it is not there and got p = 0.9890.");
}

TEST(StepWords, SayWhatTheStepDoes) {
  const SoftmaxXray xray = softmax_xray(torch::zeros({1, 2}), torch::tensor({0}, torch::kLong));
  EXPECT_EQ(step_words(xray.rows[0], 1), "One step of 1 against the gradient brings the loss from 0.6931 to 0.3133.");
  const SigmoidXray still = sigmoid_xray(torch::tensor({{3.0, 3.0}}), torch::tensor({{1, 1}}), {.step = 0});
  EXPECT_EQ(step_words(still.rows[0], 0), "One step of 0 against the gradient leaves the loss at 0.0486.");
}

TEST(NumberText, NeverHidesANumberThatIsNotZero) {
  EXPECT_EQ(number_text(0), "0.0000");
  EXPECT_EQ(number_text(-0.0), "0.0000");
  EXPECT_EQ(number_text(0.00005), "0.0001");
  EXPECT_EQ(number_text(2.06e-9), "2.1e-09");
  EXPECT_EQ(number_text(-kInfinity), "-inf");
  EXPECT_EQ(number_text(-3e38), "-3.0e+38");
  EXPECT_EQ(signed_text(0.5), "+0.5000");
  EXPECT_EQ(signed_text(-1e-17), "0.0000");
  EXPECT_EQ(percent_text(0.766), "77 %");
  EXPECT_EQ(percent_text(0.003), "0.3 %");
}

TEST(XrayJson, ParsesBackToTheSameNumbers) {
  const SoftmaxXray xray = dogs({"boxer", "beagle", "pug", "basset"});
  const auto json = nlohmann::json::parse(xray_json(xray));
  EXPECT_EQ(json["loss"], "cross_entropy");
  EXPECT_EQ(json["classes"], nlohmann::json({"boxer", "beagle", "pug", "basset"}));
  const auto& row = json["rows"][0];
  EXPECT_EQ(row["target"], "beagle");
  EXPECT_EQ(row["loss"].get<double>(), xray.rows[0].target->loss);
  EXPECT_EQ(row["gradient"][3].get<double>(), xray.rows[0].classes[3].gradient);
  EXPECT_EQ(row["widest_gap"]["class"], "boxer");
  EXPECT_EQ(json["summary"]["rows"], 1);
}

TEST(XrayJson, WritesInfinitiesAsTextAndTheUnknownAsNull) {
  const auto json = nlohmann::json::parse(xray_json(softmax_xray(torch::tensor({{0.0, -kInfinity}}))));
  EXPECT_EQ(json["rows"][0]["activations"][1], "-inf");
  EXPECT_EQ(json["rows"][0]["negative_log"][1], "inf");
  EXPECT_TRUE(json["rows"][0]["loss"].is_null());
  EXPECT_TRUE(json["summary"].is_null());
}

TEST(XrayJson, HasTheTargetsOfABinaryRow) {
  const auto json = nlohmann::json::parse(xray_json(sigmoid_xray(torch::zeros({1, 3}), torch::tensor({{1, 0, 1}}))));
  EXPECT_EQ(json["loss"], "binary_cross_entropy");
  EXPECT_EQ(json["rows"][0]["targets"], nlohmann::json({"0", "2"}));
}

TEST(XrayJson, MendsNamesThatAreNoUtf8) {
  const auto json = nlohmann::json::parse(xray_json(dogs({"\xff", "b", "c", "d"})));
  EXPECT_EQ(json["classes"][0], "\xEF\xBF\xBD");
}

TEST(XrayHtml, EscapesEveryName) {
  const torch::Tensor z = torch::tensor({{1.0, 2.0}});
  const XrayOptions names{.class_names = {kHostile, "b"}, .row_names = {kHostile}};
  for (const std::string& page : {xray_html(softmax_xray(z, torch::tensor({0}, torch::kLong), names), kHostile),
                                  xray_html(softmax_xray(z, {}, names), kHostile),
                                  xray_html(sigmoid_xray(z, torch::tensor({{1, 0}}), names), kHostile)}) {
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_NE(page.find("&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;"), std::string::npos);
  }
  EXPECT_EQ(core::html_escaped("a<b & 'c'"), "a&lt;b &amp; &#39;c&#39;");
}

TEST(XrayHtml, NeedsNothingFromElsewhere) {
  const std::string page = xray_html(dogs({"boxer", "beagle", "pug", "basset"}), "dogs.csv");
  for (const char* foreign : {"http", "src=", "@import", "url(", "<link"}) {
    EXPECT_EQ(page.find(foreign), std::string::npos) << foreign;
  }
}

TEST(XrayHtml, ClosesWhatItOpens) {
  const std::string page = xray_html(wide(39), "wide") + xray_html(sigmoid_xray(torch::zeros({3, 20})), "binary");
  for (const std::string tag : {"table", "tr", "td", "svg", "article", "div", "span", "i", "figure", "section"}) {
    EXPECT_EQ(count_text(page, "<" + tag + ">") + count_text(page, "<" + tag + " "), count_text(page, "</" + tag + ">"))
        << tag;
  }
}

TEST(XrayHtml, HasACurveForEachRowAndDrawsAnInfiniteLoss) {
  const torch::Tensor z = torch::tensor({{0.0, -kInfinity}, {0.0, 1.0}});
  const std::string page = xray_html(softmax_xray(z, torch::tensor({1, 1}, torch::kLong)), "two");
  EXPECT_EQ(count_text(page, "<svg"), 2U);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_EQ(page.find("\"inf"), std::string::npos);
}

TEST(XrayHtml, ShowsTheImagesOfTheFirstRows) {
  chart::Drawing seen{.width = 4, .height = 3, .title = "a seen image", .shapes = {}};
  seen.shapes.emplace_back(chart::DrawnImage{core::Image(3, 4), {0, 0, 4, 3}, "cat.jpg"});
  const SoftmaxXray xray = softmax_xray(torch::zeros({3, 2}, torch::kDouble), {});
  const auto images_on = [&](const std::vector<chart::Drawing>& images) {
    return count_text(xray_html(xray, "t", Extent::kShort, images), "data:image/png");
  };
  EXPECT_EQ(images_on({}), 0U);
  EXPECT_EQ(images_on({seen, seen}), 2U);
  EXPECT_EQ(images_on({chart::Drawing{}, seen}), 1U) << "an empty drawing is none";
  EXPECT_THROW(images_on({seen, seen, seen, seen}), std::invalid_argument);
}

/// The numbers of the axis end left of it, so neither the curve nor a point on it covers them.
TEST(XrayHtml, KeepsTheNumbersOfTheAxisOffTheCurve) {
  const std::string svg = nll_curve_svg({{CurvePoint::Kind::kPicked, 30, "sure"}});
  EXPECT_NE(svg.find(R"(<text class="end" x="36.0")"), std::string::npos) << svg;
  EXPECT_NE(svg.find("M46.0 "), std::string::npos) << "the axis";
}

}  // namespace
}  // namespace margay::interpret
