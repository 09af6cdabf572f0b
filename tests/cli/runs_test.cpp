#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "margay/run/train_options.h"
#include "tests/support/command_line.h"
#include "tests/support/run_folders.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

using testing_support::add_done_run;
using testing_support::new_run;

struct RunsResult {
  int status;
  std::string output;
  std::string errors;
};

/// A folder with the runs a, b and three repeats of c.
class RunsCommand : public testing::Test {
 protected:
  RunsCommand() {
    run::RunRegistry registry(folder_.path());
    run::TrainOptions options;
    add(registry, "20240501-100000-a", "a", core::to_json(options), 0.2);
    options.arch = "resnet34";
    options.batch.loader.batch_size = 32;
    add(registry, "20240501-110000-b", "b", core::to_json(options), 0.19);
    for (const double rate : {0.10, 0.12, 0.14}) {
      run::NewRun run = new_run(folder_.path(), fmt::format("20240501-120000-c-{}", rate), "c", core::to_json(options));
      run.group = "three";
      add_done_run(registry, run, rate);
    }
  }

  void add(run::RunRegistry& registry, const std::string& folder, const std::string& name,
           const nlohmann::ordered_json& config, double error_rate) {
    add_done_run(registry, new_run(folder_.path(), folder, name, config), error_rate);
  }

  /// `margay runs ARGUMENTS --runs FOLDER`.
  RunsResult runs(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"margay", "runs"});
    arguments.insert(arguments.end(), {"--runs", folder_.path().string()});
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    const int status = run(static_cast<int>(pointers.size()), pointers.data());
    std::string output = testing::internal::GetCapturedStdout();
    return {status, std::move(output), testing::internal::GetCapturedStderr()};
  }

  nlohmann::json json_of(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    return nlohmann::json::parse(runs(arguments).output);
  }

  testing_support::TemporaryFolder folder_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(RunsCommand, ListsTheNewestFirstWithErrorBars) {
  const RunsResult list = runs({});
  EXPECT_EQ(list.status, 0) << list.errors;
  EXPECT_TRUE(contains(list.output, "0.2000 ± 0.0400")) << list.output;
  EXPECT_TRUE(contains(list.output, "resnet34  done")) << list.output;
  const auto json = json_of({"list"});
  ASSERT_EQ(json.size(), 5U);
  EXPECT_EQ(json[0]["name"], "c");
  EXPECT_EQ(json[4]["name"], "a");
  EXPECT_EQ(json[4]["metric"], "error_rate");
  EXPECT_NEAR(json[4]["standard_error"].get<double>(), 0.04, 1e-12);
  EXPECT_TRUE(contains(runs({"--limit", "2"}).output, "3 older runs are not shown; see --limit"));
}

TEST_F(RunsCommand, ShowsWhatWasSetAndWhatCameOut) {
  const RunsResult shown = runs({"show", "b"});
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_TRUE(contains(shown.output, "arch                     resnet34  resnet18")) << shown.output;
  EXPECT_TRUE(contains(shown.output, "batch.loader.batch_size  32        64")) << shown.output;
  EXPECT_TRUE(contains(shown.output, "result   error_rate 0.1900 ± 0.0392 (one standard error, 100 images)"))
      << shown.output;
  EXPECT_TRUE(contains(runs({"show", "a"}).output, "Every setting is the default."));
  EXPECT_EQ(json_of({"show", "1"})["epochs"][0]["error_rate"], 0.2);
  EXPECT_EQ(json_of({"show", (folder_ / "20240501-110000-b" / "config.json").string()})["name"], "b");
}

TEST_F(RunsCommand, ComparesWithTheNoiseOfImagesOrOfRepeats) {
  const RunsResult single = runs({"compare", "a", "b"});
  EXPECT_EQ(single.status, 0) << single.errors;
  EXPECT_TRUE(contains(single.output, "error_rate: b is 0.0100 lower than a; the noise of this comparison is 0.1098"))
      << single.output;
  EXPECT_TRUE(contains(single.output, "the difference is not significant.")) << single.output;
  EXPECT_TRUE(contains(single.output, "a paired test")) << single.output;
  const auto repeats = json_of({"compare", "c", "a"});
  EXPECT_EQ(repeats["runs"][0]["values"].size(), 3U);
  EXPECT_EQ(repeats["comparisons"][0]["noise_of"], "one_repeat");
  EXPECT_EQ(json_of({"compare", "a", "20240501-120000-c-0.1"})["runs"][1]["values"].size(), 1U);
  EXPECT_TRUE(contains(runs({"compare", "a", "b", "--metric", "valid_loss"}).output, "its noise is not known"));
}

TEST_F(RunsCommand, LeavesOutRepeatsWithoutAnEndAndNamesSingleRunsWithoutOne) {
  run::RunRegistry registry(folder_.path());
  run::NewRun run = new_run(folder_.path(), "c-4", "c");
  run.group = "three";
  registry.add(run);
  registry.add_epoch("c-4", testing_support::error_epoch(0, 0.9));
  EXPECT_EQ(json_of({"compare", "a", "three"})["runs"][1]["values"].size(), 3U);
  const RunsResult compared = runs({"compare", "a", "c-4"});
  EXPECT_TRUE(contains(compared.output, "'c-4' is running; its last epoch is not its end.")) << compared.output;
  EXPECT_TRUE(contains(compared.output, "these may be results on different images")) << compared.output;
}

TEST_F(RunsCommand, ListsTheSettingsThatDiffer) {
  const RunsResult diff = runs({"diff", "a", "b"});
  EXPECT_EQ(diff.output,
            "setting                  a         b\n"
            "arch                     resnet18  resnet34\n"
            "batch.loader.batch_size  64        32\n");
  EXPECT_EQ(runs({"diff", "a", "a"}).output, "No setting of a and a differs.\n");
  EXPECT_EQ(json_of({"diff", "a", "b"})["differences"][1]["setting"], "batch.loader.batch_size");
}

TEST_F(RunsCommand, SaysWhatItDoesNotKnow) {
  const RunsResult action = runs({"shwo", "a"});
  EXPECT_EQ(action.status, 2);
  EXPECT_TRUE(contains(action.errors, "did you mean 'show'?")) << action.errors;
  const RunsResult name = runs({"show", "20240501-110000-bb"});
  EXPECT_EQ(name.status, 3);
  EXPECT_TRUE(contains(name.errors, "did you mean '20240501-110000-b'?")) << name.errors;
  const RunsResult metric = runs({"compare", "a", "b", "--metric", "eror_rate"});
  EXPECT_EQ(metric.status, 2);
  EXPECT_TRUE(contains(metric.errors, "'a' has no eror_rate; did you mean 'error_rate'?")) << metric.errors;
  EXPECT_EQ(runs({"show"}).status, 2);
  EXPECT_EQ(runs({"compare", "a"}).status, 2);
  EXPECT_EQ(runs({"diff", "a"}).status, 2);
  EXPECT_EQ(runs({"list", "a"}).status, 2);
  EXPECT_EQ(runs({"list", "--metric", "x"}).status, 2);
  EXPECT_EQ(runs({"show", "no/such/run"}).status, 3);
}

TEST_F(RunsCommand, WarnsOfADamagedListAndShowsTheRuns) {
  testing_support::write(folder_ / "margay.db", std::string(3000, 'x'));
  const RunsResult list = runs({});
  EXPECT_EQ(list.status, 0);
  EXPECT_TRUE(contains(list.errors, "margay: warning: ")) << list.errors;
  EXPECT_TRUE(contains(list.output, "resnet34")) << list.output;
  EXPECT_EQ(runs({}).errors, "");
}

}  // namespace

}  // namespace margay::cli
