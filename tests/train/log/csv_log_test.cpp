#include "margay/train/log/csv_log.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/source/csv.h"
#include "margay/train/learner.h"
#include "margay/train/registry/history_file.h"
#include "tests/support/write_file.h"
#include "tests/train/log/log_test_learner.h"

namespace margay::train {
namespace {

using testing_support::file_content;
using testing_support::LogImages;

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
  const LogImages images;
  const auto path = images.path() / "history.csv";
  Learner learner = images.learner();
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

/// A metric whose name would break a table.
class OddlyNamed : public metric::Metric {
 public:
  std::string name() const override { return "top-1, \"raw\"\nof 2"; }
  metric::Direction direction() const override { return metric::Direction::kHigherIsBetter; }
  void reset() override {}
  void update(const torch::Tensor& /*logits*/, const torch::Tensor& /*targets*/) override {}
  double value() const override { return 0.5; }
};

TEST(CsvLog, NamesWithCommasQuotesAndLineBreaksComeBack) {
  const LogImages images;
  const auto path = images.path() / "history.csv";
  Learner learner = images.learner();
  learner.set_metrics({std::make_shared<OddlyNamed>()});
  learner.add_callback(std::make_shared<CsvLog>(path, nullptr));
  learner.fit(1, constant({1e-3, 1e-3, 1e-3}), "warm, \"up\"\n");
  const data::CsvTable table = data::read_csv(path);
  EXPECT_EQ(table.columns.at(4), OddlyNamed().name());
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].at(0), "warm, \"up\"\n");
  const std::vector<RunEpoch> epochs = read_history(path);
  ASSERT_EQ(epochs.size(), 1U);
  EXPECT_EQ(epochs[0].stage, "warm, \"up\"\n");
  EXPECT_EQ(epochs[0].metrics, (std::vector<std::pair<std::string, double>>{{OddlyNamed().name(), 0.5}}));
}

TEST(History, EndsBeforeTheFirstLineThatIsBroken) {
  const testing_support::TemporaryFolder folder;
  const std::string whole =
      "stage,epoch,train_loss,valid_loss,error_rate,seconds,train_images_per_s,wait_share\n"
      "fit,0,0.5,0.4,0.1,1.0,10,0.1\n";
  for (const std::string broken :
       {"", "fit,1,0.5", "fit,1,x,0.4,0.1,1.0,10,0.1\n", "\"fit,1,0.5,0.4,0.1,1.0,10,0.1\n"}) {
    testing_support::write(folder / "history.csv", whole + broken);
    EXPECT_EQ(read_history(folder / "history.csv").size(), 1U) << broken;
  }
  testing_support::write(folder / "history.csv", "another,table\n1,2\n");
  EXPECT_TRUE(read_history(folder / "history.csv").empty());
  EXPECT_TRUE(read_history(folder / "none.csv").empty());
}

TEST(CsvLog, TellsOnceThatItCannotBeWrittenAndLetsTheTrainingGoOn) {
  const LogImages images;
  Learner learner = images.learner();
  std::vector<std::string> failures;
  learner.add_callback(std::make_shared<CsvLog>(
      images.path() / "no" / "history.csv", [&](const core::IoError& error) { failures.emplace_back(error.what()); }));
  learner.fit(2, 1e-3);
  EXPECT_EQ(learner.history().size(), 2U);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].find("history.csv"), std::string::npos) << failures[0];
}

}  // namespace
}  // namespace margay::train
