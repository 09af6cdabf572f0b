#include <algorithm>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/source/csv.h"
#include "margay/train/learner.h"
#include "margay/train/log/text_log.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
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

using OrderedJson = nlohmann::ordered_json;

std::vector<OrderedJson> lines(const std::filesystem::path& path) {
  std::vector<OrderedJson> all;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) all.push_back(OrderedJson::parse(line));
  return all;
}

std::vector<std::string> keys(const OrderedJson& object) {
  std::vector<std::string> all;
  for (const auto& [key, value] : object.items()) all.push_back(key);
  return all;
}

/// Without what depends on the clock.
std::vector<OrderedJson> timeless(std::vector<OrderedJson> all) {
  for (OrderedJson& line : all) {
    for (const char* key : {"images_per_s", "seconds", "train_images_per_s", "wait_share", "time"}) line.erase(key);
  }
  return all;
}

TEST(JsonLinesLog, WritesEveryStepAndEveryEpoch) {
  const LogImages images;
  const auto path = images.path() / "steps.jsonl";
  Learner learner = images.learner();
  learner.add_callback(std::make_shared<JsonLinesLog>(path, nullptr));
  learner.fit(1, 1e-3);
  learner.fit(1, constant({1e-4, 1e-3, 1e-2}), "second");
  const std::vector<OrderedJson> all = lines(path);
  ASSERT_EQ(all.size(), 8U);
  EXPECT_EQ(keys(all[0]), (std::vector<std::string>{"step", "stage", "epoch", "loss", "smooth_loss", "lr", "momentum",
                                                    "images_per_s", "time"}));
  EXPECT_EQ(keys(all[3]), (std::vector<std::string>{"step", "stage", "epoch", "train_loss", "valid_loss", "metrics",
                                                    "seconds", "train_images_per_s", "wait_share", "time"}));
  EXPECT_GE(all[1]["time"].get<double>(), all[0]["time"].get<double>());
  EXPECT_NEAR(all[7]["time"].get<double>(), static_cast<double>(std::time(nullptr)), 60);
  EXPECT_EQ(all[2]["loss"], learner.steps()[2].loss);
  EXPECT_EQ(all[3]["train_loss"], learner.history()[0].train_loss);
  EXPECT_EQ(all[3]["metrics"]["error_rate"], learner.history()[0].metrics[0]);
  EXPECT_EQ(all[4]["step"], 4);
  EXPECT_EQ(all[4]["stage"], "second");
  EXPECT_EQ(all[4]["lr"], 1e-2);
  EXPECT_EQ(all[7]["step"], 6);
}

TEST(JsonLinesLog, LeavesStepsOutWhenAsked) {
  const LogImages images;
  const auto path = images.path() / "steps.jsonl";
  Learner learner = images.learner();
  learner.add_callback(std::make_shared<JsonLinesLog>(path, nullptr, LogOptions{.log_every = 2}));
  learner.fit(2, 1e-3);
  std::vector<int> steps;
  for (const OrderedJson& line : lines(path)) steps.push_back(line["step"].get<int>());
  EXPECT_EQ(steps, (std::vector<int>{2, 3, 4, 6, 6}));
  EXPECT_THROW(JsonLinesLog(path, nullptr, {.log_every = 0}), std::invalid_argument);
}

TEST(JsonLinesLog, IsAfterAnInterruptionThatOfATrainingNeverInterrupted) {
  const LogImages images;
  const auto interrupted = images.path() / "interrupted.jsonl";
  testing_support::train_with_an_interruption(images,
                                              [&] { return std::make_shared<JsonLinesLog>(interrupted, nullptr); });
  const auto whole = images.path() / "whole.jsonl";
  Learner learner = images.learner();
  learner.add_callback(std::make_shared<JsonLinesLog>(whole, nullptr));
  learner.fit(1, 1e-3);
  learner.fit(1, 1e-3);
  EXPECT_EQ(timeless(lines(interrupted)), timeless(lines(whole)));
}

TEST(JsonLinesLog, BeginsAnewWithoutAState) {
  const LogImages images;
  const auto path = images.path() / "steps.jsonl";
  testing_support::write(path, "of another training\n");
  Learner learner = images.learner();
  learner.add_callback(std::make_shared<JsonLinesLog>(path, nullptr));
  learner.fit(1, 1e-3);
  EXPECT_EQ(lines(path).size(), 4U);
}

TEST(JsonLinesLog, GoesOnBehindTheLastWholeLineOfAFileThatLostSome) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "steps.jsonl", "{\"step\":1}\n{\"step\":2}\n{\"st");
  JsonLinesLog log(folder / "steps.jsonl", nullptr);
  log.load_state({.values = {{"step", 4}, {"bytes", 44}}}, "c.safetensors");
  EXPECT_EQ(testing_support::file_content(folder / "steps.jsonl"), "{\"step\":1}\n{\"step\":2}\n");
  EXPECT_EQ(log.state().values["bytes"], 22);
  EXPECT_EQ(log.state().values["step"], 4);
}

TEST(JsonLinesLog, RefusesAStateThatIsNotOfALog) {
  const testing_support::TemporaryFolder folder;
  JsonLinesLog log(folder / "steps.jsonl", nullptr);
  for (const OrderedJson& values :
       {OrderedJson::object(), OrderedJson{{"step", 1}}, OrderedJson{{"step", -1}, {"bytes", 0}},
        OrderedJson{{"step", 1}, {"bytes", "many"}}, OrderedJson{{"step", 1.5}, {"bytes", 0}}}) {
    EXPECT_NE(testing_support::thrown_message<core::FormatError>([&] {
                log.load_state({.values = values}, "c.safetensors");
              }).find("c.safetensors"),
              std::string::npos);
  }
}

TEST(JsonLinesLog, TellsOnceOfAFullDiskAndLetsTheTrainingGoOn) {
  const LogImages images;
  std::filesystem::create_symlink("/dev/full", images.path() / "steps.jsonl");
  Learner learner = images.learner();
  std::vector<std::string> failures;
  const auto log = std::make_shared<JsonLinesLog>(
      images.path() / "steps.jsonl", [&](const core::IoError& error) { failures.emplace_back(error.what()); });
  learner.add_callback(log);
  learner.fit(2, 1e-3);
  EXPECT_EQ(learner.steps().size(), 6U);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].find("steps.jsonl"), std::string::npos) << failures[0];
  EXPECT_EQ(log->state().values, (OrderedJson{{"step", 6}, {"bytes", 0}}));
}

}  // namespace

}  // namespace margay::train
