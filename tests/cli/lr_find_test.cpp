#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_training.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::file_content;

class LrFindCommand : public testing_support::TinyTraining {
 protected:
  CommandResult lr_find(const std::vector<std::string>& arguments) const {
    std::vector<std::string> line = {"--num-it", "12", "--start-lr", "1e-4", "--end-lr", "1"};
    line.insert(line.end(), arguments.begin(), arguments.end());
    return on_images("lr-find", line);
  }
};

TEST_F(LrFindCommand, DrawsAndTabulatesTheCurveAndLeavesNoRun) {
  const auto image = folder_ / "curve.png";
  const auto table = folder_ / "curve.csv";
  const CommandResult result = lr_find({"--out", image.string(), "--csv", table.string()});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(file_content(image).substr(1, 3), "PNG");
  EXPECT_EQ(file_content(table).substr(0, 15), "lr,loss\n0.0001,");
  expect_part(result.output, "Learning-rate finder");
  expect_part(result.output, "The curve: " + image.string());
  EXPECT_EQ(folder_.size(), 3U);  // images, curve.png, curve.csv
}

TEST_F(LrFindCommand, DrawsASvgAsWell) {
  EXPECT_EQ(lr_find({"--out", (folder_ / "curve.svg").string()}).status, 0);
  expect_part(file_content(folder_ / "curve.svg"), "</svg>");
}

TEST_F(LrFindCommand, GivesOneJsonDocumentAndNoImage) {
  const CommandResult result = lr_find({"--json", "--unfrozen", "--out", "curve.pdf"});
  EXPECT_EQ(result.status, 0) << result.errors;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_GE(json["lrs"].size(), 6U);
  EXPECT_EQ(json["lrs"].size(), json["losses"].size());
  EXPECT_TRUE(json["suggestions"].is_array());
  EXPECT_EQ(folder_.size(), 1U);
}

TEST_F(LrFindCommand, RefusesAnImageItCannotWriteBeforeTheSweep) {
  const auto table = folder_ / "curve.csv";
  const CommandResult pdf = lr_find({"--out", "curve.pdf", "--csv", table.string()});
  EXPECT_EQ(pdf.status, 2);
  EXPECT_EQ(pdf.errors, "margay: [chart] 'curve.pdf' is neither .svg nor .png\n");
  EXPECT_FALSE(std::filesystem::exists(table));
  const CommandResult nowhere = lr_find({"--out", "/no/such/folder/curve.png"});
  EXPECT_EQ(nowhere.status, 1);
  expect_part(nowhere.errors, "/no/such/folder/curve.png");
}

TEST_F(LrFindCommand, RefusesARangeThatDoesNotGrow) {
  EXPECT_EQ(lr_find({"--end-lr", "1e-5", "--out", (folder_ / "c.png").string()}).status, 2);
}

}  // namespace
}  // namespace margay::cli
