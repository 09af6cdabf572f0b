#include "margay/run/moved_files.h"

#include <filesystem>
#include <stdexcept>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

/// A run that began in folder "project", with relative paths.
class MovedFilesTest : public testing::Test {
 protected:
  MovedFilesTest() {
    const nlohmann::json began = {{"working_folder", (folder_ / "project").string()}};
    write(run_ / "run.json", began.dump());
    write(run_ / "config.json", R"({"batch": {"folder": "images"}})");
    write(folder_ / "project" / "images" / "cat" / "a.jpg", "a");
    options_.batch.folder = "images";
  }

  std::string refusal(const MovedFiles& moved, train::PretrainedWeights weights = train::PretrainedWeights::kRead) {
    return thrown_message<core::DataError>([&] { find_moved_files(options_, moved, run_, weights); });
  }

  TemporaryFolder folder_;
  fs::path run_ = folder_ / "run";
  TrainOptions options_;
};

TEST_F(MovedFilesTest, BeginRelativePathsWhereTheRunBegan) {
  EXPECT_EQ(path_of_run("images", run_), folder_ / "project" / "images");
  EXPECT_EQ(data_folder_of_run(run_), folder_ / "project" / "images");
  EXPECT_EQ(path_of_run("/no/such/place", run_), "/no/such/place");
  EXPECT_EQ(path_of_run("no such images", run_), "no such images");
  EXPECT_TRUE(find_moved_files(options_, {}, run_, train::PretrainedWeights::kRead));
  EXPECT_EQ(options_.batch.folder, folder_ / "project" / "images");
  EXPECT_FALSE(find_moved_files(options_, {}, run_, train::PretrainedWeights::kRead)) << "they are found now";
}

TEST_F(MovedFilesTest, AreNamedWithTheOptionForTheirNewPlace) {
  options_.batch.data.labels_csv = "labels.csv";
  EXPECT_NE(refusal({}).find("labels.csv: the table of labels is not there any more"), std::string::npos);
  EXPECT_NE(refusal({}).find("`labels_csv` names its new place"), std::string::npos);
  write(folder_ / "new.csv", "name,label\n");
  EXPECT_TRUE(find_moved_files(options_, {.labels_csv = folder_ / "new.csv"}, run_, train::PretrainedWeights::kRead));
  EXPECT_EQ(options_.batch.data.labels_csv, folder_ / "new.csv");
  options_.distillation.teacher = "teacher.margay";
  EXPECT_NE(refusal({}).find("`teacher` names its new place"), std::string::npos);
  EXPECT_NE(refusal({.data = folder_ / "nowhere"}).find("`data` names its new place"), std::string::npos);
}

TEST_F(MovedFilesTest, NeedNoWeightsWhereACheckpointHoldsThem) {
  options_.vision_learner.weights = "weights.pth";
  EXPECT_NE(refusal({}).find("weights.pth: the file of weights is not there any more"), std::string::npos);
  EXPECT_NO_THROW(find_moved_files(options_, {}, run_, train::PretrainedWeights::kFromCheckpoint));
  EXPECT_EQ(options_.vision_learner.weights, "weights.pth");
}

TEST_F(MovedFilesTest, CannotTakeThePlaceOfWhatTheRunNeverRead) {
  const auto refused = thrown_message<std::invalid_argument>(
      [&] { find_moved_files(options_, {.valid_csv = "v.csv"}, run_, train::PretrainedWeights::kRead); });
  EXPECT_NE(refused.find("the run was begun without `valid_csv`"), std::string::npos) << refused;
}

}  // namespace
}  // namespace margay::run
