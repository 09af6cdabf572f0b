#include <chrono>
#include <fstream>

#include <gtest/gtest.h>

#include "margay/run/run_registry.h"
#include "tests/studio/running_studio.h"
#include "tests/support/http_server.h"
#include "tests/support/run_folders.h"

namespace margay::studio {
namespace {

using nlohmann::json;
using run::RunRegistry;
using testing_support::add_done_run;
using testing_support::comes_true;
using testing_support::new_run;
using testing_support::RawClient;
using testing_support::RunningStudio;
using testing_support::write;

constexpr const char* kHistory =
    "stage,epoch,train_loss,valid_loss,error_rate,seconds\nfrozen,0,1.5,1,0.5,10\nfrozen,1,1,nan,0.25,20\n";

class StudioRuns : public ::testing::Test {
 protected:
  std::filesystem::path runs() const { return studio_.folder() / "runs"; }

  /// A run of two epochs of two steps.
  void add_run(const std::string& folder, double error_rate = 0.25, const json& config = {{"arch", "resnet18"}}) {
    RunRegistry registry(runs());
    add_done_run(registry, new_run(runs(), folder, folder, config), error_rate);
    write(runs() / folder / "history.csv", kHistory);
    write(runs() / folder / "steps.jsonl",
          R"({"step":1,"stage":"frozen","epoch":0,"loss":3,"lr":0.1}
{"step":2,"stage":"frozen","epoch":0,"loss":2,"lr":0.2}
{"step":2,"stage":"frozen","epoch":0,"train_loss":1.5,"valid_loss":1,"metrics":{"error_rate":0.5},"seconds":10}
{"step":3,"stage":"frozen","epoch":1,"loss":1,"lr":0.3}
{"step":4,"stage":"frozen","epoch":1,"loss":null,"lr":0.4}
{"step":4,"stage":"frozen","epoch":1,"train_loss":1,"valid_loss":null,"metrics":{"error_rate":0.25},"seconds":20}
)");
  }

  RunningStudio studio_;
};

TEST_F(StudioRuns, AreListedWithResultsAndErrorBars) {
  json list = studio_.json("/api/runs");
  EXPECT_EQ(list["is_there"], false);
  EXPECT_TRUE(list["runs"].empty());
  add_run("20240501-090000-a");
  list = studio_.json("/api/runs");
  ASSERT_EQ(list["runs"].size(), 1);
  const json& run = list["runs"][0];
  EXPECT_EQ(run["name"], "20240501-090000-a");
  EXPECT_EQ(run["status"], "done");
  EXPECT_EQ(run["arch"], "resnet18");
  EXPECT_EQ(run["metric"], "error_rate");
  EXPECT_EQ(run["value"], 0.25);
  EXPECT_NEAR(run["standard_error"].get<double>(), std::sqrt(0.25 * 0.75 / 100), 1e-12);
  EXPECT_EQ(run["over_epochs"], json::parse("[0.5, 0.25]"));
  EXPECT_EQ(run["valid_loss"], nullptr);
  EXPECT_TRUE(run["problems"].empty());
}

TEST_F(StudioRuns, AreShownOneByOne) {
  add_run("a", 0.25, {{"arch", "resnet34"}, {"epochs", 5}});
  const json run = studio_.json("/api/runs/a");
  EXPECT_EQ(run["epochs"].size(), 2);
  EXPECT_EQ(run["epochs"][1]["valid_loss"], nullptr);
  EXPECT_EQ(run["epochs"][1]["metrics"]["error_rate"], 0.25);
  EXPECT_EQ(run["steps"], 4);
  EXPECT_EQ(run["curves"], json::parse(R"(["loss", "lr"])"));
  EXPECT_EQ(run["has_checkpoint"], false);
  EXPECT_EQ(run["changed_settings"], json::parse(R"([{"setting": "arch", "default": "resnet18", "value": "resnet34"},
                            {"setting": "epochs", "default": 3, "value": 5}])"));
  const http::ClientResponse missing = studio_.get("/api/runs/b");
  EXPECT_EQ(missing.status, 422);
  EXPECT_NE(missing.body.find("there is no run in this folder"), std::string::npos);
  EXPECT_EQ(studio_.get("/api/runs/..").status, 400);
  EXPECT_EQ(studio_.get("/api/runs/%2e%2e").status, 400);
  std::filesystem::remove_all(runs() / "a");
  EXPECT_EQ(studio_.get("/api/runs/a").status, 422);
}

TEST_F(StudioRuns, HaveCurvesOverStepsAndOverTime) {
  add_run("a");
  const json over_steps = studio_.json("/api/curves?of=a&name=loss&name=valid_loss&name=nothing");
  ASSERT_EQ(over_steps["curves"].size(), 2) << over_steps;
  EXPECT_EQ(over_steps["curves"][0]["x"], json::parse("[1, 2, 3, 4]"));
  EXPECT_EQ(over_steps["curves"][0]["y"], json::parse("[3, 2, 1, null]"));
  EXPECT_EQ(over_steps["curves"][0]["end"], 4);
  EXPECT_EQ(over_steps["curves"][1]["x"], json::parse("[2, 4]"));
  EXPECT_EQ(over_steps["curves"][1]["y"], json::parse("[1, null]"));
  // This log is of a version that wrote no times: epochs of 10 s and 20 s, two steps each.
  const json over_time = studio_.json("/api/curves?of=a&name=lr&name=error_rate&axis=seconds");
  EXPECT_EQ(over_time["curves"][0]["x"], json::parse("[5, 10, 20, 30]"));
  EXPECT_EQ(over_time["curves"][1]["x"], json::parse("[10, 30]"));
}

TEST_F(StudioRuns, HaveTheTimesThatTheirLogsTell) {
  add_run("a");
  write(runs() / "a/steps.jsonl", "{\"step\":1,\"loss\":1,\"time\":1000.5}\n{\"step\":2,\"loss\":1,\"time\":1002}\n");
  EXPECT_EQ(studio_.json("/api/curves?of=a&name=loss&axis=seconds")["curves"][0]["x"], json::parse("[0, 1.5]"));
}

TEST_F(StudioRuns, GiveOnlyWhatAWindowCanShow) {
  add_run("a");
  std::string log;
  for (int step = 1; step <= 20'000; ++step) {
    log += "{\"step\":" + std::to_string(step) + ",\"loss\":" + (step == 12'345 ? "99" : "0.5") + "}\n";
  }
  write(runs() / "a/steps.jsonl", log);
  const json all = studio_.json("/api/curves?of=a&name=loss&columns=100")["curves"][0];
  EXPECT_EQ(all["points"], 20'000);
  EXPECT_LE(all["x"].size(), 400);
  EXPECT_NE(std::find(all["y"].begin(), all["y"].end(), 99), all["y"].end());
  const json part = studio_.json("/api/curves?of=a&name=loss&columns=100&low=12340&high=12350")["curves"][0];
  EXPECT_EQ(part["x"].front(), 12'339);
  EXPECT_EQ(part["x"].back(), 12'351);
  EXPECT_EQ(part["x"].size(), 13);
}

TEST_F(StudioRuns, RefuseWhatIsNoWindow) {
  add_run("a");
  for (const char* query : {"axis=days", "low=x", "columns=0", "columns=99999999", "high=nan", "columns=1e"}) {
    EXPECT_EQ(studio_.get(std::string("/api/curves?of=a&name=loss&") + query).status, 400) << query;
  }
  EXPECT_EQ(studio_.get("/api/curves?of=b&name=loss").status, 422);
}

TEST_F(StudioRuns, AreComparedAndToldWhereThatIsNoise) {
  add_run("a", 0.25, {{"arch", "resnet18"}, {"epochs", 3}});
  add_run("b", 0.26, {{"arch", "resnet34"}, {"epochs", 3}});
  const json compared = studio_.json("/api/compare?of=a&of=b");
  EXPECT_EQ(compared["metric"], "error_rate");
  ASSERT_EQ(compared["comparisons"].size(), 1);
  EXPECT_EQ(compared["comparisons"][0]["is_beyond_noise"], false);
  EXPECT_EQ(compared["settings"], json::parse(R"([{"setting": "arch", "values": ["resnet18", "resnet34"]}])"));
  EXPECT_EQ(studio_.get("/api/compare?of=a&of=b&metric=f1").status, 400);
}

TEST_F(StudioRuns, ShowOtherSettingsOfSeveralSideBySide) {
  add_run("a", 0.25, {{"epochs", 3}, {"lr", "1e-3"}});
  add_run("b", 0.25, {{"epochs", 4}, {"lr", "1e-3"}});
  add_run("c", 0.25, {{"epochs", 3}, {"lr", "1e-2"}, {"new", true}});
  EXPECT_EQ(
      studio_.json("/api/compare?of=a&of=b&of=c")["settings"],
      json::parse(R"([{"setting": "epochs", "values": [3, 4, 3]}, {"setting": "lr", "values": ["1e-3", "1e-3", "1e-2"]},
                            {"setting": "new", "values": [null, null, true]}])"));
}

TEST_F(StudioRuns, AreLiveThoughTheyWereStartedElsewhere) {
  add_run("a");
  RawClient page(studio_.port(), studio_.events_request());
  page.receive("event: runs\ndata: {\"folders\":[\"a\"]}");
  std::ofstream(runs() / "a/steps.jsonl", std::ios::app) << "{\"step\":5,\"loss\":0.5}\n";
  const std::string events = page.receive("event: steps\ndata: {\"folders\":[\"a\"]}");
  EXPECT_NE(events.find("event: steps"), std::string::npos) << events;
  EXPECT_EQ(studio_.json("/api/curves?of=a&name=loss")["curves"][0]["x"], json::parse("[1, 2, 3, 4, 5]"));
}

TEST_F(StudioRuns, AreNotToldAnewByTheQuestionThatFollows) {
  add_run("a");
  RawClient page(studio_.port(), studio_.events_request());
  page.receive("event: runs\ndata: {\"folders\":[\"a\"]}");
  for (int step = 5; step < 25; ++step) {
    std::ofstream(runs() / "a/steps.jsonl", std::ios::app) << "{\"step\":" << step << ",\"loss\":0.5}\n";
    EXPECT_EQ(studio_.json("/api/curves?of=a&name=loss")["steps"]["a"], step);
  }
  const std::string events = page.receive("event: steps");
  EXPECT_LE(testing_support::occurrences(events, "event: ") - testing_support::occurrences(events, "event: data"), 2U)
      << events;
}

TEST_F(StudioRuns, AreReadAndNothingIsWritten) {
  add_run("a");
  std::filesystem::remove(runs() / "margay.db");
  studio_.json("/api/runs");
  studio_.json("/api/runs/a");
  EXPECT_FALSE(std::filesystem::exists(runs() / "margay.db"));
}

}  // namespace
}  // namespace margay::studio
