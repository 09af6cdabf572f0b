#include <gtest/gtest.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/run/training_charts.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"
#include "tests/support/tiny_training.h"

namespace margay::cli {
namespace {

using testing_support::thrown_message;

/// Two stages, of one epoch and of two, three steps each.
class TrainingCharts : public testing::Test {
 protected:
  static train::Learner trained(const std::filesystem::path& folder) {
    testing_support::write_tiny_images(folder, 6, 2);
    data::Loaders loaders = testing_support::tiny_block(folder).loaders({.batch_size = 4, .num_workers = 1});
    torch::manual_seed(1);
    train::Learner learner(std::move(loaders), model::make_classifier({.architecture = "resnet20", .num_classes = 2}),
                           {.precision = model::Precision::kFp32, .device = "cpu"});
    learner.fit(1, 1e-3);
    learner.fit(2, 1e-2);
    return learner;
  }
};

TEST_F(TrainingCharts, ShowLossesAndRatesOfBothStagesOverTheSameSteps) {
  const testing_support::TemporaryFolder folder;
  const train::Learner learner = trained(folder.path());
  const auto charts = run::training_charts(learner);
  ASSERT_EQ(charts.size(), 2U);
  ASSERT_EQ(charts[0].series.size(), 2U);
  const chart::ChartSeries& training = charts[0].series[0];
  ASSERT_EQ(training.y.size(), 9U);
  EXPECT_NEAR(training.y[0], learner.steps()[0].loss, 1e-12);
  const chart::ChartSeries& validation = charts[0].series[1];
  EXPECT_EQ(validation.x, (std::vector<double>{3, 6, 9}));
  EXPECT_EQ(validation.y[2], learner.history()[2].valid_loss);
  ASSERT_EQ(charts[1].series.size(), 1U);
  const chart::ChartSeries& rates = charts[1].series[0];
  EXPECT_EQ(rates.y, (std::vector<double>{1e-3, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2, 1e-2, 1e-2, 1e-2}));
}

TEST(LrFindChart, MarksSuggestionsAndCutsTheExplosion) {
  const train::LrFindResult found{.curve = {.lrs = {1e-3, 1e-2, 1e-1, 1}, .losses = {2, 1, 1.5, 900}},
                                  .suggestions = {{.name = "valley", .lr = 1.2e-2, .rule = ""}}};
  const chart::LineChart chart = run::lr_find_chart(found);
  ASSERT_EQ(chart.marks.size(), 1U);
  EXPECT_EQ(chart.marks[0].x, 1.2e-2);
  EXPECT_EQ(chart.marks[0].y, 1);
  EXPECT_EQ(chart.y.high, 3.5);
  EXPECT_EQ(chart.x.scale, chart::AxisScale::kLog);
}

TEST(ChartFile, IsSvgOrPngInAFolderThatIsThere) {
  const testing_support::TemporaryFolder folder;
  EXPECT_NO_THROW(run::check_chart_path(folder / "a.svg"));
  EXPECT_NO_THROW(run::check_chart_path("a.png"));
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { (void)run::write_chart({}, "a.gif"); }),
            "[chart] 'a.gif' is neither .svg nor .png");
  EXPECT_THROW(run::check_chart_path(folder / "none" / "a.svg"), core::IoError);
}

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
