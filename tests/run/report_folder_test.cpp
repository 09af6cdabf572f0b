#include "margay/run/report_folder.h"

#include <fstream>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/predict/prediction_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/web/made_predictions.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

void make_report(const fs::path& folder) {
  predict::save_predictions(folder, testing_support::made_predictions({"cat", "dog"}, {{0, 0}, {1, 0}}));
}

TEST(ReportFolder, WritesNothingBeforeThereIsSomething) {
  const testing_support::TemporaryFolder folder;
  ReportFolder report(folder / "new/report/", ExistingReport::kRefuse);
  EXPECT_FALSE(fs::exists(folder / "new"));
  report.write("report.json", "{}");
  EXPECT_TRUE(fs::exists(folder / "new/report/report.json"));
  EXPECT_EQ(report.files(), (std::vector<std::string>{"report.json"}));
}

TEST(ReportFolder, RefusesAFileAndAFolderOfOtherThings) {
  const testing_support::TemporaryFolder folder;
  std::ofstream(folder / "file") << "text";
  fs::create_directories(folder / "other");
  std::ofstream(folder / "other/thesis.tex") << "years of work";
  for (const ExistingReport existing : {ExistingReport::kRefuse, ExistingReport::kReplace}) {
    EXPECT_THROW(ReportFolder(folder / "file", existing), core::DataError);
    EXPECT_THROW(ReportFolder(folder / "other", existing), core::DataError);
  }
  fs::create_directories(folder / "empty");
  EXPECT_NO_THROW(ReportFolder(folder / "empty", ExistingReport::kRefuse));
}

TEST(ReportFolder, ReplacesAReportOnlyWhereAskedTo) {
  const testing_support::TemporaryFolder folder;
  make_report(folder / "report");
  EXPECT_NE(testing_support::thrown_message<core::DataError>([&] {
              ReportFolder(folder / "report", ExistingReport::kRefuse);
            }).find("`overwrite` replaces its files"),
            std::string::npos);
  EXPECT_NO_THROW(ReportFolder(folder / "report", ExistingReport::kReplace));
}

TEST(ReportFolder, RemovesItsOwnOldFilesAndNoOthers) {
  const testing_support::TemporaryFolder folder;
  const fs::path place = folder / "report";
  make_report(place);
  std::ofstream(place / "most_confused.png") << "of an earlier report";
  std::ofstream(place / "notes.txt") << "mine";
  ReportFolder report(place, ExistingReport::kReplace);
  report.write("report.json", "{}");
  report.remove_stale_files();
  EXPECT_FALSE(fs::exists(place / "most_confused.png"));
  EXPECT_TRUE(fs::exists(place / "notes.txt"));
  EXPECT_TRUE(fs::exists(place / "report.json"));
  EXPECT_TRUE(is_report(place));
}

TEST(ReportFolder, KnowsItsFiles) {
  const testing_support::TemporaryFolder folder;
  ReportFolder report(folder / "report", ExistingReport::kRefuse);
  EXPECT_THROW(report.write("../elsewhere", ""), std::invalid_argument);
}

}  // namespace
}  // namespace margay::run
