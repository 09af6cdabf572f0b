#include <fstream>

#include <gtest/gtest.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "margay/bundle/bundle.h"
#include "margay/model/classifier.h"
#include "tests/support/seeded_bundle.h"
#include "tests/support/tiny_images.h"

namespace margay::cli {
namespace {

struct ExplainResult {
  int status;
  std::string output;
  std::string errors;
};

ExplainResult explain(std::vector<std::string> arguments) {
  std::vector<const char*> line = {"margay", "explain"};
  for (const std::string& argument : arguments) line.push_back(argument.c_str());
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  const int status = run(static_cast<int>(line.size()), line.data());
  const std::string output = testing::internal::GetCapturedStdout();
  return {status, output, testing::internal::GetCapturedStderr()};
}

/// A folder with a model of two classes and images of them.
class ExplainImages : public testing::Test {
 protected:
  ExplainImages() {
    testing_support::write_tiny_images(folder_ / "images", 1, 1);
    bundle::save_bundle(model_, testing_support::striped_bundle(0));
  }
  testing_support::TemporaryFolder folder_;
  std::string model_ = (folder_ / "model.margay").string();
  std::string images_ = (folder_ / "images" / "valid").string();
};

TEST_F(ExplainImages, TakesTheLossOfEachApart) {
  const ExplainResult result = explain({model_, images_, "--label", "flat", "--json"});
  EXPECT_EQ(result.status, 0) << result.errors;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_EQ(json["classes"], nlohmann::json({"flat", "upright"}));
  ASSERT_EQ(json["rows"].size(), 2U);
  EXPECT_EQ(json["rows"][1]["target"], "flat");
  EXPECT_NE(json["rows"][0]["name"].get<std::string>().find("flat/0.png"), std::string::npos);
}

TEST_F(ExplainImages, NeedsNoLabel) {
  const ExplainResult result = explain({model_, images_});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_NE(result.output.find("No target is given"), std::string::npos);
}

TEST_F(ExplainImages, SuggestsTheNearestLabel) {
  const ExplainResult result = explain({model_, images_, "--label", "flta"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.errors, "margay: --label: no class 'flta'; did you mean 'flat'?\n");
  const std::string map = (folder_ / "map.png").string();
  const ExplainResult mapped = explain({model_, images_, "--map", map, "--map-class", "Uprigt"});
  EXPECT_EQ(mapped.status, 2);
  EXPECT_EQ(mapped.errors, "margay: --map-class: no class 'Uprigt'; did you mean 'upright'?\n");
  for (const char* other : {"", "flat;upright", "zebra"}) {
    const ExplainResult refused = explain({model_, images_, "--map", map, "--map-class", other});
    EXPECT_EQ(refused.status, 2) << other;
    EXPECT_EQ(refused.errors, std::string("margay: --map-class: no class '") + other + "'; there are flat, upright\n");
  }
}

TEST_F(ExplainImages, ExplainsTheOthersWhenOneIsBroken) {
  std::ofstream(folder_ / "images" / "valid" / "flat" / "0.png") << "broken";
  const ExplainResult result = explain({model_, images_});
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.errors.find("flat/0.png"), std::string::npos);
  EXPECT_NE(result.output.find("upright/0.png"), std::string::npos);
}

TEST_F(ExplainImages, WritesAPage) {
  const auto page = folder_ / "page.html";
  EXPECT_EQ(explain({model_, images_, "--label", "1", "--html", page.string()}).status, 0);
  EXPECT_NE(testing_support::file_content(page).find("</html>"), std::string::npos);
}

TEST(Explain, AsksForOneSourceOfActivations) {
  for (const std::vector<std::string>& line :
       std::vector<std::vector<std::string>>{{},
                                             {"m.margay"},
                                             {"m.margay", "--logits", "t.csv"},
                                             {"--logits", "t.csv", "--label", "x"},
                                             {"m.margay", "x.jpg", "--targets", "0"},
                                             {"--logits", "t.csv", "--step", "-1"}}) {
    const ExplainResult result = explain(line);
    EXPECT_EQ(result.status, 2) << result.errors;
    EXPECT_NE(result.errors.find("[explain]"), std::string::npos) << result.errors;
  }
}

TEST(Explain, NumbersTheRowsWithoutAName) {
  const testing_support::TemporaryFolder folder;
  const std::string path = (folder / "t.csv").string();
  std::ofstream(path) << "name,a,b\ncat.jpg,1,2\n,3,4\n";
  const ExplainResult result = explain({"--logits", path, "--json"});
  EXPECT_EQ(result.status, 0) << result.errors;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_EQ(json["rows"][0]["name"], "cat.jpg");
  EXPECT_EQ(json["rows"][1]["name"], "row 2");
}

TEST(Explain, ExitsWithThreeForMissingFiles) {
  EXPECT_EQ(explain({"--logits", "/no/table.csv"}).status, 3);
  EXPECT_EQ(explain({"/no/model.margay", "x.jpg"}).status, 3);
}

}  // namespace
}  // namespace margay::cli
