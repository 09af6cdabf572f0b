#include "margay/train/registry/run_record.h"

#include <cmath>

#include <gtest/gtest.h>
#include <unistd.h>

#include "margay/train/registry/process_identity.h"
#include "tests/support/run_folders.h"

namespace margay::train {
namespace {

using testing_support::error_epoch;

TEST(RunRecord, IsJudgedByItsLastEpoch) {
  RunRecord record;
  EXPECT_FALSE(record.last("error_rate"));
  EXPECT_EQ(record.main_metric(), "valid_loss");
  record.epochs = {error_epoch(0, 0.5), error_epoch(1, 0.2)};
  EXPECT_EQ(record.last("error_rate"), 0.2);
  EXPECT_EQ(record.last("valid_loss"), 0.4);
  EXPECT_EQ(record.main_metric(), "error_rate");
  EXPECT_FALSE(record.last("accuracy"));
  record.epochs.back().valid_loss = std::nan("");
  EXPECT_FALSE(record.last("valid_loss"));
}

TEST(RunRecord, HasAnErrorBarOnlyWhereTheFormulaHolds) {
  RunRecord record;
  record.epochs = {error_epoch(0, 0.2)};
  EXPECT_FALSE(record.standard_error("error_rate")) << "of how many images?";
  record.valid_images = 100;
  EXPECT_NEAR(record.standard_error("error_rate").value(), 0.04, 1e-12);
  EXPECT_FALSE(record.standard_error("valid_loss"));
  record.epochs = {error_epoch(0, 0)};
  EXPECT_FALSE(record.standard_error("error_rate")) << "none of 100 wrong does not mean ± 0";
}

TEST(RunRecord, LastsFromStartToEndOrAsLongAsItsEpochs) {
  RunRecord record{.started = "2024-02-28T23:59:00Z", .ended = "2024-02-29T00:01:30Z"};
  EXPECT_EQ(record.seconds(), 150);
  record.ended.clear();
  record.epochs = {error_epoch(0, 0.5), error_epoch(1, 0.2)};
  EXPECT_EQ(record.seconds(), 3);
}

TEST(RunTime, GoesToTextAndBack) {
  EXPECT_EQ(utc_text(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_seconds("1970-01-02T00:00:01Z"), 86401);
  EXPECT_EQ(utc_seconds(utc_text(1714566600)), 1714566600);
  for (const char* wrong : {"", "yesterday", "2024-05-01", "2024-05-01T12:30:00Z and more"}) {
    EXPECT_FALSE(utc_seconds(wrong)) << wrong;
  }
}

TEST(ProcessIdentity, TellsAProcessFromALaterOneOfItsNumber) {
  ProcessIdentity process = this_process();
  EXPECT_EQ(process.pid, ::getpid());
  EXPECT_EQ(liveness(process), Liveness::kAlive);
  EXPECT_EQ(liveness(process_of(to_json(process))), Liveness::kAlive);
  ProcessIdentity earlier = process;
  earlier.start_ticks = "1";
  EXPECT_EQ(liveness(earlier), Liveness::kGone);
  ProcessIdentity before_reboot = process;
  before_reboot.machine = "another boot";
  EXPECT_EQ(liveness(before_reboot), Liveness::kGone);
  process.host = "another-host";
  EXPECT_EQ(liveness(process), Liveness::kElsewhere);
  EXPECT_EQ(liveness({}), Liveness::kGone);
}

}  // namespace
}  // namespace margay::train
