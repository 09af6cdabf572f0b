#include "margay/run/label_check.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/model/classifier.h"
#include "margay/run/probe_run.h"
#include "margay/run/start_training.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"
#include "tests/support/tiny_weights.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using testing_support::striped_image;
using testing_support::thrown_message;

class LabelNotes : public Observer {
 public:
  void warned(const std::string& text) override { warnings.push_back(text); }
  void repeated(std::int64_t /*i*/, std::int64_t n, std::uint64_t /*seed*/) override { trainings = n; }

  std::vector<std::string> warnings;
  std::int64_t trainings = 0;
};

/// Stripes, 16 images of each class that train and 6 others that validate; four of the flat ones stand among the
/// upright.
class LabelsOfStripes : public testing::Test {
 protected:
  LabelsOfStripes() {
    testing_support::write_tiny_images(images(), 16, 0);
    for (const int kind : {0, 1}) {
      for (int i = 0; i < 6; ++i) {
        const fs::path place = images() / "valid" / (kind == 0 ? "flat" : "upright");
        data::write_png(place / (std::to_string(i) + ".png"), striped_image(kind, 24 + i, 24));
      }
    }
    for (const char* number : {"3", "6", "12", "13"}) move_flat("train", number);
    options_.folder = images();
    options_.arch = "resnet20";
    options_.network.weights = testing_support::write_backbone(folder_ / "weights", "resnet20");
    options_.network.device = "cpu";
    options_.network.precision = model::Precision::kFp32;
    options_.size = 24;
    options_.judge.grouping = predict::Grouping::kNone;
    options_.judge.copies = false;  // all of them are, and their comparison takes seconds
  }

  fs::path images() const { return folder_ / "images"; }

  void move_flat(const std::string& part, const std::string& number) {
    const std::string name = "f" + number + ".png";
    fs::rename(images() / part / "flat" / (number + ".png"), images() / part / "upright" / name);
    moved_.insert(part + "/upright/" + name);
  }

  LabelCheck check() { return check_labels(options_, folder_ / "cache", notes_); }

  std::set<std::string> flagged(const LabelCheck& found) const {
    std::set<std::string> names;
    for (const std::int64_t row : found.ranked) names.insert(found.name(static_cast<std::size_t>(row)));
    return names;
  }

  testing_support::TemporaryFolder folder_;
  LabelCheckOptions options_;
  LabelNotes notes_;
  std::set<std::string> moved_;
};

TEST_F(LabelsOfStripes, ThatAreWrongAreFoundAmongAllImages) {
  move_flat("valid", "2");
  const LabelCheck found = check();
  EXPECT_EQ(found.size(), 44U);
  EXPECT_EQ(std::count(found.validates.begin(), found.validates.end(), true), 12);
  ASSERT_GE(found.ranked.size(), 4U);  // of five: the joint's numbers are rounded
  const std::set<std::string> names = flagged(found);
  EXPECT_TRUE(std::includes(moved_.begin(), moved_.end(), names.begin(), names.end()));
  for (std::size_t i = 0; i < found.ranked.size(); ++i) {
    const data::Finding& finding = found.findings[i];
    EXPECT_EQ(finding.kind, data::FindingKind::kWrongLabel);
    EXPECT_EQ(finding.classes, data::Labels{"upright"});
    EXPECT_EQ(finding.suggestion, data::Labels{"flat"});
    EXPECT_EQ(finding.paths, std::vector<fs::path>{found.images[static_cast<std::size_t>(found.ranked[i])].name()});
    EXPECT_GT(finding.evidence_of("predicted_probability"), finding.evidence_of("given_probability"));
  }
  EXPECT_EQ(found.by_class[1].name, "upright");
  EXPECT_EQ(found.by_class[1].images, 27);
  EXPECT_EQ(found.by_class[1].flagged, std::ssize(found.ranked));
  EXPECT_LT(found.by_class[1].wrong.interval.low, 5.0 / 27);
  EXPECT_GT(found.by_class[1].wrong.interval.high, 5.0 / 27);
}

TEST_F(LabelsOfStripes, AreWrittenWithCleanlabsColumns) {
  const LabelCheck found = check();
  std::istringstream lines(label_issues_csv(found));
  std::string line;
  std::getline(lines, line);
  EXPECT_TRUE(line.starts_with("image,is_label_issue,label_quality,given_label,predicted_label,")) << line;
  std::size_t rows = 0;
  std::set<std::string> issues;
  while (std::getline(lines, line)) {
    ++rows;
    if (line.find(",True,") != std::string::npos) issues.insert(line.substr(0, line.find(',')));
  }
  EXPECT_EQ(rows, found.size());
  EXPECT_EQ(issues, moved_);
  EXPECT_TRUE(write_label_check(found, folder_ / "issues").empty());
  EXPECT_EQ(testing_support::file_content(folder_ / "issues" / kLabelIssuesFile), label_issues_csv(found));
  EXPECT_TRUE(fs::exists(folder_ / "issues" / kLabelSheetFile));
  const auto json = nlohmann::json::parse(testing_support::file_content(folder_ / "issues" / kLabelCheckFile));
  EXPECT_EQ(json["all"]["flagged"], 4);
  EXPECT_EQ(json["findings"][0]["kind"], "wrong_label");
}

TEST_F(LabelsOfStripes, AreJudgedInCodeAsByTheOptions) {
  const LabelCheck by_options = check();
  auto classifier = model::make_classifier({.architecture = "resnet20",
                                            .num_classes = 2,
                                            .image_px = 24,
                                            .head = {.kind = model::HeadKind::kLinear, .dropout = {0}}});
  model::load_pretrained(*classifier,
                         model::read_pretrained(options_.network.weights, model::find_architecture("resnet20"), ""),
                         model::HeadWeights::kNever);
  BatchOptions batch{.folder = images(), .transforms = probe_transforms()};
  batch.transforms.augment.size = 24;
  const LabelCheck by_block = find_label_issues(make_block(batch), *classifier, options_.judge);
  EXPECT_EQ(by_block.ranked, by_options.ranked);
  EXPECT_EQ(by_block.validates, by_options.validates);
}

TEST_F(LabelsOfStripes, AreJudgedByTrainingsOfFolds) {
  options_.folds = 2;
  options_.epochs = 1;
  options_.judge.rank_by = interpret::LabelQuality::kNormalizedMargin;
  const LabelCheck found = check();
  EXPECT_EQ(notes_.trainings, 2);
  EXPECT_EQ(found.size(), 44U);
  EXPECT_EQ(found.source,
            "2 trainings of resnet20, each predicting a part that it did not have; parts are drawn by class");
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_NE(found.warnings[0].find("there are no features"), std::string::npos);
}

TEST_F(LabelsOfStripes, AreJudgedByATableOfProbabilities) {
  const LabelCheck by_probe = check();
  std::ofstream table(folder_ / "p.csv");
  table.precision(9);
  table << "image,flat,upright\n";
  for (std::size_t row = 0; row < by_probe.size(); ++row) {
    table << by_probe.name(row) << ',' << by_probe.probability(row, 0) << ',' << by_probe.probability(row, 1) << '\n';
  }
  table.close();
  options_.probabilities = folder_ / "p.csv";
  const LabelCheck by_table = check();
  EXPECT_EQ(by_table.ranked, by_probe.ranked);
  EXPECT_EQ(by_table.validates, by_probe.validates);
}

TEST_F(LabelsOfStripes, AreJudgedByAModelForImagesItWasNotTrainedOn) {
  ProbeRunOptions probe{.runs = folder_ / "runs", .arch = "resnet20", .network = options_.network};
  probe.batch.folder = images();
  probe.batch.transforms.augment.size = 24;
  probe.probe.grouping = predict::Grouping::kNone;
  start_probe(probe, folder_ / "cache", notes_);
  for (const auto& entry : fs::directory_iterator(folder_ / "runs")) {
    if (fs::exists(entry.path() / "model.margay")) options_.model = entry.path() / "model.margay";
  }
  const LabelCheck found = check();
  EXPECT_EQ(found.size(), 12U);  // the validation images
  ASSERT_FALSE(found.warnings.empty());
  EXPECT_NE(found.warnings[0].find("trained on 32 of the 44 images"), std::string::npos) << found.warnings[0];
  fs::remove_all(images() / "valid");
  EXPECT_NE(thrown_message<core::DataError>([&] { check(); }).find("was trained on all 32 images"), std::string::npos);
}

TEST_F(LabelsOfStripes, OfOneClassAreNotJudged) {
  fs::remove_all(images() / "train/flat");
  fs::remove_all(images() / "valid/flat");
  const LabelCheck found = check();
  EXPECT_TRUE(found.ranked.empty());
  EXPECT_EQ(found.all.images, 26);
  ASSERT_FALSE(found.warnings.empty());
  EXPECT_NE(found.warnings[0].find("all labels are of one class"), std::string::npos);
}

TEST_F(LabelsOfStripes, NeedWeightsForAProbe) {
  options_.network.weights.clear();
  EXPECT_THROW(check(), NoWeightsError);
}

TEST_F(LabelsOfStripes, AreJudgedByOneSourceOnly) {
  options_.model = "model.margay";
  options_.folds = 3;
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { check(); }),
            "[label_check] `model` and `folds` both set the probabilities; give one");
}

}  // namespace
}  // namespace margay::run
