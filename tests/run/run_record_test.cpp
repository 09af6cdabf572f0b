#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/run/compare_runs.h"
#include "margay/run/run_record.h"
#include "tests/support/run_folders.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
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

using testing_support::thrown_message;

std::vector<RunRecord> four_runs() {
  return {{.id = 1, .folder = "20240501-100000-pets", .name = "pets"},
          {.id = 2, .folder = "20240502-100000-pets", .name = "pets"},
          {.id = 3, .folder = "20240503-100000-mixup", .name = "mixup", .group = "g7"},
          {.id = 20, .folder = "20240504-100000-mixup", .name = "mixup", .group = "g7"}};
}

std::int64_t found(const std::string& text) { return find_run(four_runs(), text, "runs").id; }

std::string problem(const std::string& text) {
  return thrown_message<core::DataError>([&] { find_run(four_runs(), text, "runs"); });
}

TEST(FindRun, GoesByIdFolderNameGroupAndBeginning) {
  EXPECT_EQ(found("1"), 1);
  EXPECT_EQ(found("20240502-100000-pets"), 2);
  EXPECT_EQ(found("pets"), 2) << "the newest of the name";
  EXPECT_EQ(found("g7"), 20);
  EXPECT_EQ(found("20240503"), 3);
  EXPECT_EQ(found("20"), 20) << "an id wins over the beginning of a folder";
}

TEST(FindRun, NamesWhatIsNear) {
  EXPECT_EQ(problem("petz"), "runs: there is no run 'petz'; did you mean 'pets'? `runs` names another folder of runs");
  EXPECT_EQ(problem("2024050"),
            "runs: 4 runs begin with '2024050': 20240501-100000-pets, 20240502-100000-pets, 20240503-100000-mixup, "
            "20240504-100000-mixup; write more of the one you mean");
  EXPECT_EQ(problem("birds"),
            "runs: there is no run 'birds'; the newest are 20240504-100000-mixup, 20240503-100000-mixup, "
            "20240502-100000-pets, 20240501-100000-pets; `runs` names another folder of runs");
  EXPECT_TRUE(problem("").starts_with("runs: there is no run ''; the newest are "));
  EXPECT_EQ(thrown_message<core::DataError>([] { find_run({}, "x", "runs"); }),
            "runs: there is no run in this folder; `runs` names the one that has them");
}

TEST(ConfigDifference, ListsLeavesByTheirDottedKeys) {
  const auto a =
      nlohmann::ordered_json::parse(R"({"arch": "r18", "lr": 1, "x": {"y": {"z": [1, 2]}, "only_a": null}})");
  const auto b = nlohmann::ordered_json::parse(R"({"lr": 1.0, "arch": "r34", "x": {"y": {"z": [1, 3]}}, "only_b": 2})");
  const auto differences = config_difference(a, b);
  ASSERT_EQ(differences.size(), 4U);
  EXPECT_EQ(differences[0].key, "arch");
  EXPECT_EQ(*differences[0].b, "r34");
  EXPECT_EQ(differences[1].key, "x.y.z");
  EXPECT_EQ(differences[2].key, "x.only_a");
  EXPECT_FALSE(differences[2].b);
  EXPECT_EQ(differences[3].key, "only_b");
  EXPECT_FALSE(differences[3].a);
  EXPECT_TRUE(config_difference(a, a).empty());
  EXPECT_TRUE(config_difference(nullptr, nlohmann::ordered_json::object()).empty());
}

/// Runs of one epoch with these error rates, each of `images`.
RunResult errors(const std::string& label, const std::vector<double>& rates, std::int64_t images = 100) {
  std::vector<RunRecord> runs;
  for (const double rate : rates) {
    runs.push_back({.valid_images = images, .epochs = {testing_support::error_epoch(0, rate)}});
  }
  return result_of(label, runs, "error_rate");
}

TEST(CompareRuns, TakesSharesOfImagesForSingleRuns) {
  const RunComparison comparison = compare_results(errors("a", {0.2}), errors("b", {0.19}));
  EXPECT_EQ(comparison.noise, Noise::kImages);
  EXPECT_EQ(verdict(comparison),
            "error_rate: b is 0.0100 lower than a; the noise of this comparison is 0.1098 (1.96 standard errors of "
            "shares of 100 and 100 images, unpaired): the difference is not significant");
  EXPECT_NE(verdict(compare_results(errors("a", {0.2}), errors("b", {0.4}))).find("is beyond it (p = 0.002)"),
            std::string::npos);
}

TEST(CompareRuns, TakesTheSpreadOfRepeats) {
  const RunResult a = errors("a", {0.10, 0.12, 0.14});
  EXPECT_NEAR(a.standard_error().value(), 0.02 / std::sqrt(3.0), 1e-12);
  const RunComparison both = compare_results(a, errors("b", {0.20, 0.22, 0.24}));
  EXPECT_EQ(both.noise, Noise::kRepeats);
  EXPECT_TRUE(both.difference.is_beyond_noise());
  const RunComparison one = compare_results(errors("c", {0.15}), a);
  EXPECT_EQ(one.noise, Noise::kOneRepeat);
  EXPECT_NEAR(one.difference.value, -0.03, 1e-12);
  EXPECT_FALSE(one.difference.is_beyond_noise());
}

TEST(CompareRuns, FallsBackToImagesWhereRepeatsDoNotDiffer) {
  const RunComparison comparison = compare_results(errors("a", {0.10, 0.10}, 20), errors("b", {0.15, 0.15}, 20));
  EXPECT_EQ(comparison.noise, Noise::kImages);
  EXPECT_FALSE(comparison.difference.is_beyond_noise());
}

TEST(CompareRuns, SaysWhenNothingCanBeSaid) {
  const std::vector<RunRecord> run = {{.epochs = {testing_support::error_epoch(0, 0.1)}}};
  const std::vector<RunRecord> other = {{.epochs = {testing_support::error_epoch(0, 0.2)}}};
  const auto say = [&](const char* metric) {
    return verdict(compare_results(result_of("a", run, metric), result_of("b", other, metric)));
  };
  EXPECT_EQ(say("valid_loss"),
            "valid_loss: b is 0.2000 higher than a; its noise is not known: one valid_loss has no error bar, repeats "
            "with other seeds would give it one");
  EXPECT_NE(say("error_rate").find("the size of the validation set is not recorded"), std::string::npos);
  EXPECT_THROW(say("accuracy"), std::invalid_argument);
}

TEST(CompareRuns, DoesNotMixRunsOfDifferentImages) {
  const std::vector<RunRecord> runs = {{.valid_images = 100, .epochs = {testing_support::error_epoch(0, 0.1)}},
                                       {.valid_images = 200, .epochs = {testing_support::error_epoch(0, 0.1)}}};
  EXPECT_FALSE(result_of("a", runs, "error_rate").valid_images);
}

}  // namespace

}  // namespace margay::run
