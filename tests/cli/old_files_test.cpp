#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/bundle/bundle.h"
#include "margay/data/source/csv.h"
#include "margay/train/registry/run_registry.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

constexpr double kOtherMachines = 1e-3;  // relative: sums in another order

/// The images that the old files know, and copies of those files, in the current folder.
class OldFiles : public testing::Test {
 protected:
  OldFiles() {
    fs::copy(fs::path(MARGAY_SOURCE_DIR) / "tests/samples/before_format_1", folder_.path(),
             fs::copy_options::recursive);
    fs::current_path(folder_.path());
    EXPECT_EQ(run_command({"sample", "images", "--per-class", "5"}).status, 0);
  }
  ~OldFiles() override { fs::current_path(before_); }

  const fs::path before_ = fs::current_path();
  const testing_support::TemporaryFolder folder_;
  const fs::path run_ = "runs/20240501-090000-fruit";
};

double value_of_cell(const std::string& cell) { return std::stod(cell); }

TEST_F(OldFiles, ARunGoesOnFromItsCheckpointToTheSameResults) {
  const CommandResult result = run_command({"train", "--resume", run_.string()});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "step-0000000009.safetensors: one_cycle, 1 epochs done and 4 batches of the next");
  const data::CsvTable then = data::read_csv("history_when_done.csv");
  const data::CsvTable now = data::read_csv(run_ / "history.csv");
  ASSERT_EQ(now.columns, then.columns);
  ASSERT_EQ(now.rows.size(), then.rows.size());
  for (std::size_t epoch = 0; epoch < then.rows.size(); ++epoch) {
    for (const char* loss : {"train_loss", "valid_loss"}) {
      const double expected = value_of_cell(then.rows[epoch].at(then.column(loss)));
      EXPECT_NEAR(value_of_cell(now.rows[epoch].at(now.column(loss))), expected, kOtherMachines * expected)
          << loss << epoch;
    }
  }
  const std::vector<train::RunRecord> runs = train::RunRegistry("runs").all();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].status, train::RunStatus::kDone);
  EXPECT_EQ(runs[0].epochs.size(), 4U);
}

TEST_F(OldFiles, AModelPredictsWhatItPredictedThen) {
  const CommandResult result = run_command({"predict", (run_ / "model.margay").string(), "images/valid", "--csv"});
  ASSERT_EQ(result.status, 0) << result.errors;
  const data::CsvTable now = data::parse_csv(result.output, "output");
  const data::CsvTable then = data::read_csv("predictions.csv");
  ASSERT_EQ(now.rows.size(), then.rows.size());
  for (std::size_t row = 0; row < then.rows.size(); ++row) {
    for (const char* column : {"path", "rank", "label"}) {
      EXPECT_EQ(now.rows[row].at(now.column(column)), then.rows[row].at(then.column(column))) << row;
    }
    const double expected = value_of_cell(then.rows[row].at(then.column("probability")));
    EXPECT_NEAR(value_of_cell(now.rows[row].at(now.column("probability"))), expected, kOtherMachines) << row;
  }
}

TEST_F(OldFiles, AModelOfSeveralLabelsIsOne) {
  const bundle::Bundle loaded = bundle::load_bundle("several_labels.margay");
  EXPECT_EQ(loaded.task, data::Task::kMultiLabel);
  EXPECT_EQ(loaded.vocabulary.size(), 11);
  const CommandResult result =
      run_command({"predict", "several_labels.margay", "images/valid", "--json", "--threshold", "0"});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "\"even\"");
}

TEST_F(OldFiles, AConfigTrainsAnew) {
  const CommandResult result = run_command({"train", "--config", (run_ / "config.json").string()});
  ASSERT_EQ(result.status, 0) << result.errors;
  const std::vector<train::RunRecord> runs = train::RunRegistry("runs").all();
  ASSERT_EQ(runs.size(), 2U);
  ASSERT_EQ(runs[1].epochs.size(), 4U);
  EXPECT_NEAR(runs[1].epochs[0].train_loss, 4.683351147305809, 4.68 * kOtherMachines);
  EXPECT_EQ(runs[1].config["vision_learner"], runs[0].config["vision_learner"]);
}

TEST_F(OldFiles, ARunIsListed) {
  const CommandResult result = run_command({"runs", "show", "fruit"});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "interrupted");
  EXPECT_EQ(train::RunRegistry("runs").all()[0].valid_images, 10);
}

}  // namespace
}  // namespace margay::cli
