#include "margay/run/step_log.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"

namespace margay::run {
namespace {

using testing_support::TemporaryFolder;
using testing_support::write;
using Numbers = std::vector<double>;

std::string step_line(int step, double loss, const std::string& stage = "frozen") {
  return "{\"step\":" + std::to_string(step) + ",\"stage\":\"" + stage +
         "\",\"epoch\":0,\"loss\":" + std::to_string(loss) + ",\"lr\":1e-3,\"time\":" + std::to_string(1000 + step) +
         "}\n";
}

constexpr const char* kEpochLine =
    "{\"step\":2,\"stage\":\"frozen\",\"epoch\":0,\"train_loss\":0.5,\"valid_loss\":null,\"metrics\":{\"error_rate\":"
    "0.25},\"seconds\":4.5,\"train_images_per_s\":10,\"wait_share\":0,\"time\":1007.5}\n";

class StepLogTest : public ::testing::Test {
 protected:
  void append(const std::string& text) { std::ofstream(file_, std::ios::app) << text; }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "steps.jsonl";
  StepLog log_{file_};
};

TEST_F(StepLogTest, HasACurveForEveryNumberOfTheSteps) {
  write(file_, step_line(1, 2.5) + step_line(2, 1.25) + kEpochLine + step_line(3, 1, "unfrozen"));
  EXPECT_TRUE(log_.refresh());
  EXPECT_EQ(log_.steps(), (Numbers{1, 2, 3}));
  EXPECT_EQ(log_.names(), (std::vector<std::string>{"loss", "lr"}));
  EXPECT_EQ(*log_.curve("loss"), (Numbers{2.5, 1.25, 1}));
  EXPECT_EQ(*log_.curve("lr"), (Numbers{1e-3, 1e-3, 1e-3}));
  EXPECT_EQ(log_.times(), (Numbers{1001, 1002, 1003}));
  EXPECT_EQ(log_.curve("valid_loss"), nullptr);
  ASSERT_EQ(log_.stages().size(), 2U);
  EXPECT_EQ(log_.stages()[1].name, "unfrozen");
  EXPECT_EQ(log_.stages()[1].step, 3);
  EXPECT_EQ(log_.broken_lines(), 0U);
}

TEST_F(StepLogTest, HasTheEndsOfEpochs) {
  write(file_, step_line(1, 2) + step_line(2, 1) + kEpochLine);
  log_.refresh();
  ASSERT_EQ(log_.epochs().size(), 1U);
  const StepLog::Epoch& epoch = log_.epochs()[0];
  EXPECT_EQ(epoch.step, 2);
  EXPECT_EQ(epoch.time, 1007.5);
  EXPECT_EQ(epoch.seconds, 4.5);
  ASSERT_EQ(epoch.numbers.size(), 3U);
  EXPECT_EQ(epoch.numbers[0], (std::pair<std::string, double>("train_loss", 0.5)));
  EXPECT_EQ(epoch.numbers[1].first, "valid_loss");
  EXPECT_TRUE(std::isnan(epoch.numbers[1].second));
  EXPECT_EQ(epoch.numbers[2], (std::pair<std::string, double>("error_rate", 0.25)));
}

TEST_F(StepLogTest, GoesOnWhereItStopped) {
  EXPECT_FALSE(log_.refresh());  // no file yet
  append(step_line(1, 2));
  EXPECT_TRUE(log_.refresh());
  EXPECT_FALSE(log_.refresh());
  const std::string line = step_line(2, 1);
  append(line.substr(0, 20));
  EXPECT_FALSE(log_.refresh());  // its end is still being written
  append(line.substr(20) + step_line(3, 0.5));
  EXPECT_TRUE(log_.refresh());
  EXPECT_EQ(*log_.curve("loss"), (Numbers{2, 1, 0.5}));
}

TEST_F(StepLogTest, BeginsAnewWhereTheFileWasCutAndWentOn) {
  write(file_, step_line(1, 2) + step_line(2, 1) + step_line(3, 0.5));
  log_.refresh();
  write(file_, step_line(1, 2) + step_line(2, 7) + step_line(3, 6) + step_line(4, 5));  // resumed from step 1
  EXPECT_TRUE(log_.refresh());
  EXPECT_EQ(*log_.curve("loss"), (Numbers{2, 7, 6, 5}));
  write(file_, step_line(1, 3));
  EXPECT_TRUE(log_.refresh());
  EXPECT_EQ(*log_.curve("loss"), (Numbers{3}));
  std::filesystem::remove(file_);
  EXPECT_TRUE(log_.refresh());
  EXPECT_TRUE(log_.steps().empty());
}

TEST_F(StepLogTest, LetsALaterStepReplaceThoseFromThereOn) {
  write(file_, step_line(1, 3) + step_line(2, 2) + kEpochLine + step_line(3, 1) + step_line(2, 9));
  log_.refresh();
  EXPECT_EQ(log_.steps(), (Numbers{1, 2}));
  EXPECT_EQ(*log_.curve("loss"), (Numbers{3, 9}));
  EXPECT_TRUE(log_.epochs().empty());
}

TEST_F(StepLogTest, TakesNullAndWhatIsMissingAsNoNumber) {
  write(file_, "{\"step\": 1, \"loss\": null}\n{\"step\":2,\"other\":5}\n{\"step\":3,\"loss\":-2e+1}\n");
  log_.refresh();
  const Numbers& loss = *log_.curve("loss");
  EXPECT_TRUE(std::isnan(loss[0]));
  EXPECT_TRUE(std::isnan(loss[1]));
  EXPECT_EQ(loss[2], -20);
  const Numbers& other = *log_.curve("other");
  EXPECT_TRUE(std::isnan(other[0]));
  EXPECT_EQ(other[1], 5);
  EXPECT_TRUE(std::isnan(other[2]));
}

TEST_F(StepLogTest, ReadsStageNamesOfEveryKind) {
  write(file_, step_line(1, 2, "a \\\"quoted\\\" \\u00e9 {x}") + step_line(2, 1, "gr\u00f6\u00dfer"));
  log_.refresh();
  ASSERT_EQ(log_.stages().size(), 2U);
  EXPECT_EQ(log_.stages()[0].name, "a \"quoted\" \u00e9 {x}");
  EXPECT_EQ(*log_.curve("loss"), (Numbers{2, 1}));
}

TEST_F(StepLogTest, CountsLinesThatAreNoSteps) {
  write(file_,
        "not json\n[1]\n{\"loss\":1}\n{\"step\":null}\n{\"step\":\"1\"}\n{\"step\":1,\"loss\":\n\n" + step_line(5, 1));
  log_.refresh();
  EXPECT_EQ(log_.steps(), (Numbers{5}));
  EXPECT_EQ(log_.broken_lines(), 7U);
}

}  // namespace
}  // namespace margay::run
