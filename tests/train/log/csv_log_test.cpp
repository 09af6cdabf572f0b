#include "margay/train/log/csv_log.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "margay/train/learner.h"
#include "tests/support/write_file.h"
#include "tests/train/log/log_test_learner.h"

namespace margay::train {
namespace {

using testing_support::file_content;
using testing_support::LogPictures;

/// Reads the table after every epoch, as a program beside the training would.
class Watch : public Callback {
 public:
  explicit Watch(std::filesystem::path path) : path_(std::move(path)) {}
  void after_epoch(Learner& learner, const Progress&, const EpochRecord&) override {
    EXPECT_EQ(file_content(path_), history_csv(learner));
    ++epochs;
  }

  int epochs = 0;

 private:
  std::filesystem::path path_;
};

TEST(CsvLog, HasEveryEpochAsSoonAsItIsDone) {
  const LogPictures pictures;
  const auto path = pictures.path() / "history.csv";
  Learner learner = pictures.learner();
  const auto watch = std::make_shared<Watch>(path);
  learner.add_callback(std::make_shared<CsvLog>(path, nullptr));
  learner.add_callback(watch);
  learner.fit(1, 1e-3);
  learner.fit(2, 1e-3);
  EXPECT_EQ(watch->epochs, 3);
  const std::string table = file_content(path);
  EXPECT_EQ(table.substr(0, table.find('\n')),
            "stage,epoch,train_loss,valid_loss,error_rate,seconds,train_images_per_s,wait_share");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4);
  EXPECT_EQ(table.substr(table.find('\n') + 1, 6), "fit,0,");
}

TEST(CsvLog, TellsOnceThatItCannotBeWrittenAndLetsTheTrainingGoOn) {
  const LogPictures pictures;
  Learner learner = pictures.learner();
  std::vector<std::string> failures;
  learner.add_callback(
      std::make_shared<CsvLog>(pictures.path() / "no" / "history.csv",
                               [&](const core::IoError& error) { failures.emplace_back(error.what()); }));
  learner.fit(2, 1e-3);
  EXPECT_EQ(learner.history().size(), 2U);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].find("history.csv"), std::string::npos) << failures[0];
}

}  // namespace
}  // namespace margay::train
