#include "margay/train/schedule/learning_rate.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace margay::train {
namespace {

using testing_support::golden;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

TEST(LearningRate, SpreadsAsFastaiDoes) {
  MARGAY_REQUIRE_GOLDEN("lr_groups.json");
  const auto values = golden("lr_groups.json");
  for (std::size_t groups = 1; groups <= 4; ++groups) {
    const std::string prefix = "groups" + std::to_string(groups) + " ";
    const auto expect = [&](const std::string& key, const LearningRate& lr) {
      const auto expected = values[prefix + key].get<std::vector<double>>();
      const std::vector<double> rates = lr.for_groups(groups);
      ASSERT_EQ(rates.size(), expected.size());
      for (std::size_t i = 0; i < groups; ++i) EXPECT_NEAR(rates[i], expected[i], expected[i] * 1e-9) << key;
    };
    expect("slice(1e-06, 0.0001, None)", LearningRate::slice(1e-6, 1e-4));
    expect("slice(None, 0.0001, None)", LearningRate::slice(1e-4));
    expect("slice(1e-05, 0.001, None)", LearningRate::slice(1e-5, 1e-3));
    expect("scalar 1e-4", LearningRate(1e-4));
    if (groups > 1) {
      const auto list = values[prefix + "list"].get<std::vector<double>>();
      EXPECT_EQ(LearningRate::list(list).for_groups(groups), list);
    }
  }
}

TEST(LearningRate, SpreadsInEqualRatios) {
  MARGAY_REQUIRE_GOLDEN("lr_groups.json");
  const nlohmann::json groups_of_all = golden("lr_groups.json");
  for (const auto& [key, expected] : groups_of_all["even_mults"].items()) {
    const std::vector<std::string> parts = split(key);
    const auto groups = static_cast<std::size_t>(std::stoul(parts[2]));
    const auto rates = LearningRate::slice(std::stod(parts[0]), std::stod(parts[1])).for_groups(groups);
    const std::vector<double> wanted =
        expected.is_array() ? expected.get<std::vector<double>>() : std::vector<double>{expected.get<double>()};
    ASSERT_EQ(rates.size(), wanted.size()) << key;
    for (std::size_t i = 0; i < groups; ++i) EXPECT_NEAR(rates[i], wanted[i], wanted[i] * 1e-9) << key;
  }
}

TEST(LearningRate, DecaysFromTheLastGroupToTheFirst) {
  EXPECT_EQ(LearningRate::decay(1, 0.5).for_groups(4), (std::vector<double>{0.125, 0.25, 0.5, 1}));
  EXPECT_EQ(LearningRate::decay(1e-3, 0.5).for_groups(1), (std::vector<double>{1e-3}));
  EXPECT_EQ(LearningRate::decay(1e-3, 1), LearningRate::parse("decay(1e-3, 1)"));
  EXPECT_THROW(LearningRate::decay(1e-3, 1.5), std::invalid_argument);
  EXPECT_THROW(LearningRate::decay(1e-3, 0), std::invalid_argument);
  EXPECT_THROW(LearningRate::decay(-1e-3, 0.5), std::invalid_argument);
}

TEST(LearningRate, TakesAListOfOneForAllGroupsAsFastaiDoes) {
  EXPECT_EQ(LearningRate::list({1e-3}), LearningRate(1e-3));
  EXPECT_EQ(LearningRate::list({1e-3}).for_groups(2), (std::vector<double>{1e-3, 1e-3}));
}

TEST(LearningRate, IsReadFromText) {
  EXPECT_EQ(LearningRate::parse("1e-3").for_groups(2), (std::vector<double>{1e-3, 1e-3}));
  EXPECT_EQ(LearningRate::parse("slice(1e-3)").for_groups(2), LearningRate::slice(1e-3).for_groups(2));
  EXPECT_EQ(LearningRate::parse("slice(1e-6, 1e-4)").for_groups(3), LearningRate::slice(1e-6, 1e-4).for_groups(3));
  EXPECT_EQ(LearningRate::parse("1e-5,1e-4").for_groups(2), (std::vector<double>{1e-5, 1e-4}));
  for (const char* text : {"", "fast", "1e-3x", "slice()", "slice(1,2,3)", "slice(1", "decay(1)", "decay(1,2)", "-1",
                           "0", "1,,2", "nan", "inf"}) {
    EXPECT_THROW(LearningRate::parse(text), std::invalid_argument) << text;
  }
}

TEST(LearningRate, WritesTheTextThatItReads) {
  EXPECT_EQ(LearningRate(1e-3).text(), "0.001");
  EXPECT_EQ(LearningRate::slice(1e-6, 1e-4).text(), "slice(1e-06,0.0001)");
  EXPECT_EQ(LearningRate::decay(1e-3, 0.5).text(), "decay(0.001,0.5)");
  for (const LearningRate& lr : {LearningRate(1.0 / 3), LearningRate::slice(0.1), LearningRate::slice(1e-300, 0.7),
                                 LearningRate::list({0.1, 2}), LearningRate::decay(0.1, 1 / 2.6)}) {
    EXPECT_EQ(LearningRate::parse(lr.text()), lr) << lr.text();
  }
}

TEST(LearningRate, RefusesAListOfAnotherLength) {
  EXPECT_THROW(LearningRate::list({1e-3, 1e-4}).for_groups(3), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
