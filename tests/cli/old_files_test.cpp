#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/bundle/bundle.h"
#include "margay/data/source/csv.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::file_content;
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

nlohmann::json listed_runs() {
  const CommandResult result = run_command({"runs", "list", "--json"});
  EXPECT_EQ(result.status, 0) << result.errors;
  return nlohmann::json::parse(result.output);
}

double value_of_cell(const std::string& cell) { return std::stod(cell); }

TEST_F(OldFiles, ARunGoesOnFromItsCheckpointToTheSameResults) {
  const CommandResult result = run_command({"train", "--resume", run_.string()});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "step-0000000009.safetensors: one_cycle, 1 epoch done and 4 batches of the next");
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
  const nlohmann::json runs = listed_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["status"], "done");
  EXPECT_EQ(runs[0]["epochs"], 4);
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
  const nlohmann::json runs = listed_runs();
  ASSERT_EQ(runs.size(), 2U);
  const bool is_first = runs[0]["folder"] != run_.filename().string();
  const fs::path anew = fs::path("runs") / runs[is_first ? 0 : 1]["folder"].get<std::string>();
  const data::CsvTable then = data::read_csv(run_ / "history.csv");
  const data::CsvTable now = data::read_csv(anew / "history.csv");
  ASSERT_EQ(now.rows.size(), 4U);
  const double expected = value_of_cell(then.rows[0].at(then.column("train_loss")));
  EXPECT_NEAR(value_of_cell(now.rows[0].at(now.column("train_loss"))), expected, expected * kOtherMachines);
  const auto settings = [](const fs::path& run) { return nlohmann::json::parse(file_content(run / "config.json")); };
  const nlohmann::json all = settings(anew);
  nlohmann::json with_old_ones = all;
  with_old_ones.update(settings(run_), /*merge_objects=*/true);
  EXPECT_EQ(with_old_ones, all) << "a setting of the old file was not used";
}

TEST_F(OldFiles, ARunIsListed) {
  const CommandResult result = run_command({"runs", "show", "fruit"});
  ASSERT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "interrupted");
  expect_part(result.output, "standard error, 10 images");
  EXPECT_EQ(listed_runs().at(0)["started"], "2024-05-01T09:00:00Z");
}

}  // namespace
}  // namespace margay::cli
