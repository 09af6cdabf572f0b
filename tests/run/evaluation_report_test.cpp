#include "margay/run/evaluation_report.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/web/made_predictions.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using testing_support::made_predictions;
using testing_support::MadeImage;

/// Names that would break a table, a CSV or a terminal.
const std::vector<std::string> kOddNames = {"cat, \"fat\"", "<b>dog\t\n", "狐"};

std::vector<MadeImage> some_mistakes() {
  std::vector<MadeImage> images;
  for (int i = 0; i < 30; ++i) images.push_back({i % 3, i % 5 == 0 ? (i + 1) % 3 : i % 3, 1.5 + 0.1 * i});
  return images;
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Wants a stop after some steps.
class StoppingObserver : public Observer {
 public:
  explicit StoppingObserver(int steps) : steps_(steps) {}
  bool is_stop_wanted() const override { return done_ >= steps_; }
  void progressed(const std::string& /*task*/, std::int64_t /*done*/, std::int64_t /*total*/,
                  const std::string& /*details*/) override {
    ++done_;
  }

 private:
  int steps_;
  int done_ = 0;
};

TEST(EvaluationReport, LeavesEveryNumberAndDrawingInItsFolder) {
  const testing_support::TemporaryFolder folder;
  ReportFolder report(folder / "report", ExistingReport::kRefuse);
  Observer observer;
  const Evaluation evaluation(made_predictions(kOddNames, some_mistakes()));
  write_evaluation_report(evaluation, report, observer);
  for (const char* name : {"report.json", "classes.csv", "most_confused.csv", "top_losses.csv", "confusion_matrix.png",
                           "confusion_matrix.svg", "classes.png", "most_confused.svg", "confidence.png",
                           "reliability.svg", "risk_coverage.png", "top_highest.png", "top_border.png"}) {
    EXPECT_TRUE(fs::exists(report.path() / name)) << name;
  }
  const auto json = nlohmann::ordered_json::parse(content_of(report.path() / "report.json"));
  EXPECT_EQ(json.at("num_images"), 30);
  EXPECT_TRUE(json.at("calibration").contains("ece"));
  EXPECT_EQ(json.at("vocab")[2], "狐");
}

TEST(EvaluationReport, CanStartFromThePredictionsOfAnother) {
  const testing_support::TemporaryFolder folder;
  ReportFolder report(folder / "report", ExistingReport::kRefuse);
  Observer observer;
  const Evaluation first(made_predictions(kOddNames, some_mistakes()));
  write_evaluation_report(first, report, observer);
  const Evaluation second(predict::load_predictions(report.path()));
  EXPECT_EQ(first.json().dump(), second.json().dump());
}

TEST(EvaluationReport, OfKeptPredictionsIsCalibratedAsTheyWere) {
  const testing_support::TemporaryFolder folder;
  predict::KeptPredictions calibrated = made_predictions(kOddNames, some_mistakes());
  calibrated.rows.temperature = 2;
  predict::save_predictions(folder / "kept", calibrated);
  const Evaluation plain(made_predictions(kOddNames, some_mistakes()));
  const Evaluation again(predict::load_predictions(folder / "kept"));
  const auto losses = [](const Evaluation& evaluation) {
    const auto& summary = evaluation.interpretation().summary();
    const auto loss =
        std::find_if(summary.begin(), summary.end(), [](const auto& each) { return each.name == "loss"; });
    return std::pair(evaluation.calibration()->nll.value, loss->estimate.value);
  };
  EXPECT_NEAR(losses(again).first, losses(again).second, 1e-6);
  EXPECT_GT(std::abs(losses(again).first - losses(plain).first), 1e-3);
}

TEST(EvaluationReport, WithoutLabelsHoldsWhatCanBeSaid) {
  const testing_support::TemporaryFolder folder;
  ReportFolder report(folder / "report", ExistingReport::kRefuse);
  Observer observer;
  predict::KeptPredictions unlabelled = made_predictions(kOddNames, some_mistakes());
  unlabelled.rows.targets = torch::Tensor();
  const Evaluation evaluation(std::move(unlabelled));
  EXPECT_FALSE(evaluation.calibration().has_value());
  write_evaluation_report(evaluation, report, observer);
  EXPECT_TRUE(fs::exists(report.path() / "confidence.svg"));
  EXPECT_TRUE(fs::exists(report.path() / "top_least_sure.png"));
  EXPECT_FALSE(fs::exists(report.path() / "confusion_matrix.png"));
}

TEST(EvaluationReport, TakesTwoImagesOfOneClass) {
  const testing_support::TemporaryFolder folder;
  ReportFolder report(folder / "report", ExistingReport::kRefuse);
  Observer observer;
  const Evaluation evaluation(made_predictions({"only"}, {{0, 0}, {0, 0}}));
  write_evaluation_report(evaluation, report, observer);
  EXPECT_TRUE(fs::exists(report.path() / "report.json"));
}

TEST(EvaluationReport, StopsWhenAskedToAndCanBeReplacedAfterwards) {
  const testing_support::TemporaryFolder folder;
  const Evaluation evaluation(made_predictions(kOddNames, some_mistakes()));
  ReportFolder report(folder / "report", ExistingReport::kRefuse);
  StoppingObserver observer(2);
  EXPECT_THROW(write_evaluation_report(evaluation, report, observer), core::Interrupted);
  EXPECT_EQ(report.files().size(), 2U);
  EXPECT_NO_THROW(ReportFolder(folder / "report", ExistingReport::kReplace));
}

TEST(ClassesCsv, QuotesNamesAndLeavesUnknownNumbersEmpty) {
  const Evaluation evaluation(made_predictions(kOddNames, {{0, 0}, {0, 1}, {1, 1}}));
  const std::string csv = classes_csv(evaluation.interpretation());
  EXPECT_NE(csv.find("\n\"cat, \"\"fat\"\"\",2,1,1,0,1,1,1,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("\n狐,0,0,0,0,0,3,"), std::string::npos) << csv;
}

TEST(TopLossesCsv, ListsEveryOrderWithItsRanks) {
  const Evaluation evaluation(made_predictions({"cat", "dog"}, {{0, 0}, {0, 1, 4}, {1, 1}}));
  const std::string csv = top_losses_csv(evaluation.interpretation(), 2);
  EXPECT_NE(csv.find("\nhighest,1,images/1.png,cat,dog,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("\nsurely_wrong,1,images/1.png,cat,dog,"), std::string::npos) << csv;
  EXPECT_EQ(csv.find("\nsurely_wrong,2,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("\nborder,2,"), std::string::npos) << csv;
}

}  // namespace
}  // namespace margay::run
