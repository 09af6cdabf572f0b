#include <csignal>
#include <stdexcept>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "apps/studio/trainings.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_registry.h"
#include "tests/studio/running_studio.h"
#include "tests/support/http_server.h"
#include "tests/support/run_folders.h"

namespace margay::studio {
namespace {

using nlohmann::json;
using testing_support::comes_true;
using testing_support::file_content;
using testing_support::new_run;
using testing_support::RunningStudio;
using testing_support::TemporaryFolder;
using testing_support::write;

TrainForm small_form() {
  using enum TrainFlag::Kind;
  return {
      .flags =
          {{.name = "--epochs", .help = "epochs (1 to 9)", .kind = kNumber, .default_text = "3", .is_everyday = true},
           {.name = "--ema", .off = "--no-ema", .kind = kSwitch},
           {.name = "--weights", .kind = kPath},
           {.name = "--name", .kind = kText},
           {.name = "--runs", .kind = kPath}},
      .check = [](const std::vector<std::string>& arguments) {
        for (const std::string& each : arguments) {
          if (each == "--epochs=0") throw std::invalid_argument("[train] epochs must lie in 1 to 9, not 0");
        }
      }};
}

/// A studio whose margay is a script that says what it was called with, and waits for an interrupt.
class StudioTrain : public ::testing::Test {
 protected:
  StudioTrain() {
    write(program_,
          "#!/bin/sh\ntrap 'echo stopped; exit 130' INT\necho \"$@\"\necho \"pid $$\"\n"
          "case \"$*\" in *--name=waits*) while :; do sleep .01; done;; *--name=fails*) exit 3;; esac\n");
    std::filesystem::permissions(program_, std::filesystem::perms::owner_all);
    studio_.emplace(StudioOptions{}, StudioProgram{.executable = program_, .train = small_form()});
  }
  ~StudioTrain() override {
    for (const json& each : started()) {
      if (each["ended"].is_null()) ::kill(each["pid"].get<int>(), SIGKILL);
    }
  }

  json started() { return studio_->json("/api/train/started")["started"]; }
  json command_of(const json& wanted) {
    return studio_->json("/api/train/command?wanted=" + http::percent_encoded(wanted.dump()));
  }
  std::string images() const { return std::filesystem::canonical(studio_->folder() / "images").string(); }
  std::string runs() const { return (std::filesystem::canonical(studio_->folder().path()) / "runs").string(); }

  TemporaryFolder folder_;
  std::filesystem::path program_ = folder_ / "margay";
  std::optional<RunningStudio> studio_;
};

TEST_F(StudioTrain, ShowsTheFlagsThatTheProgramDeclares) {
  const json flags = studio_->json("/api/train/form")["flags"];
  ASSERT_EQ(flags.size(), 4);  // where runs are kept is decided at the studio's start
  EXPECT_EQ(flags[0]["name"], "--epochs");
  EXPECT_EQ(flags[0]["help"], "epochs (1 to 9)");
  EXPECT_EQ(flags[0]["default"], "3");
  EXPECT_EQ(flags[0]["is_everyday"], true);
  EXPECT_EQ(flags[1]["kind"], "switch");
}

TEST_F(StudioTrain, ShowsTheCommandLineThatTheFormStandsFor) {
  EXPECT_EQ(command_of({{"folder", "images"},
                        {"flags", {{"--epochs", "5"}, {"--ema", false}, {"--name", "it's -mine"}}}})["command"],
            "margay train " + images() + " --no-ema --epochs=5 --name='it'\\''s -mine' --runs='" + runs() + "'");
}

TEST_F(StudioTrain, SaysWhatTheProgramWouldRefuse) {
  const auto problem = [&](const json& wanted) { return command_of(wanted).value("problem", "none"); };
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--epochs", "0"}}}}),
            "[train] epochs must lie in 1 to 9, not 0");
  EXPECT_EQ(problem({{"folder", "dogs"}}), "no folder 'dogs' is served; the studio was started without it");
  EXPECT_EQ(problem({{"folder", 3}}), "folder: the id of a served folder is needed");
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--rm", "-rf"}}}}), "'--rm' is no flag of this form");
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--runs", "/tmp"}}}}), "'--runs' is no flag of this form");
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--ema", "yes"}}}}), "--ema: true or false");
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--epochs", 3}}}}), "--epochs: a text is needed");
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--weights", "/etc/passwd"}}}}),
            "--weights: /etc/passwd lies in no served folder; start the studio with its folder, too");
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--weights", "resnet18"}}}}), "none");
  EXPECT_EQ(problem({{"folder", "images"}, {"flags", {{"--weights", images() + "/cats/1.txt"}}}}), "none");
  EXPECT_EQ(studio_->get("/api/train/command?wanted=x").status, 400);
}

TEST_F(StudioTrain, StartsAProcessAndShowsWhatItPrints) {
  const http::ClientResponse response =
      studio_->send("POST", "/api/train", R"({"folder": "images", "flags": {"--name": "fails"}})");
  EXPECT_EQ(response.status, 200) << response.body;
  ASSERT_TRUE(comes_true([&] { return !started()[0]["ended"].is_null(); }));
  const json training = started()[0];
  EXPECT_EQ(training["ended"], 3);
  EXPECT_TRUE(
      training["printed"].get<std::string>().starts_with("train " + images() + " --name=fails --runs=" + runs()));
  struct stat facts {};
  ASSERT_EQ(::stat(training["log"].get<std::string>().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_TRUE(studio_->json("/api/runs")["runs"].empty());  // its log is no run
}

TEST_F(StudioTrain, StartsAProcessThatLeadsASessionOfItsOwn) {
  studio_->send("POST", "/api/train", R"({"folder": "images", "flags": {"--name": "waits"}})");
  ASSERT_TRUE(comes_true([&] { return started()[0]["printed"].get<std::string>().find("pid ") != std::string::npos; }));
  const pid_t pid = started()[0]["pid"].get<pid_t>();
  EXPECT_EQ(::getsid(pid), pid);
  EXPECT_NE(::getsid(0), pid);
}

TEST_F(StudioTrain, StopsARunAsCtrlCDoes) {
  studio_->send("POST", "/api/train", R"({"folder": "images", "flags": {"--name": "waits"}})");
  ASSERT_TRUE(comes_true([&] { return started()[0]["printed"].get<std::string>().find("pid ") != std::string::npos; }));
  const std::filesystem::path runs = studio_->folder() / "runs";
  run::RunRegistry(runs).add(new_run(runs, "a", "a"));  // by this process …
  run::RunRecord record = *run::read_run_folder(runs / "a");
  record.process.pid = started()[0]["pid"].get<std::int64_t>();  // … but another one writes it
  record.process.start_ticks = "";
  run::write_run_file(runs, record);
  EXPECT_EQ(studio_->send("POST", "/api/train/stop/a").status, 200);
  ASSERT_TRUE(comes_true([&] { return !started()[0]["ended"].is_null(); }));
  EXPECT_EQ(started()[0]["ended"], 130);
  EXPECT_TRUE(started()[0]["printed"].get<std::string>().ends_with("stopped\n"));
  EXPECT_EQ(studio_->send("POST", "/api/train/stop/a").status, 409);
}

TEST_F(StudioTrain, StopsNoOtherProcessThatGotTheNumber) {
  const std::filesystem::path runs = studio_->folder() / "runs";
  run::RunRegistry(runs).add(new_run(runs, "a", "a"));
  run::RunRecord record = *run::read_run_folder(runs / "a");
  record.process.start_ticks = "1";  // this process began at another time
  run::write_run_file(runs, record);
  const http::ClientResponse response = studio_->send("POST", "/api/train/stop/a");
  EXPECT_EQ(response.status, 409) << response.body;
  record.process.host = "far-away";
  run::write_run_file(runs, record);
  EXPECT_NE(studio_->send("POST", "/api/train/stop/a").body.find("runs on far-away; stop it there"), std::string::npos);
  EXPECT_EQ(studio_->send("POST", "/api/train/stop/b").status, 422);
}

TEST_F(StudioTrain, ResumesWhatHasACheckpoint) {
  const std::filesystem::path runs = studio_->folder() / "runs";
  write(runs / "a/config.json", "{}");
  EXPECT_EQ(studio_->send("POST", "/api/train/resume/a").status, 409);
  write(runs / "a/checkpoints/step-1.safetensors", "x");
  EXPECT_EQ(studio_->send("POST", "/api/train/resume/a").status, 200);
  ASSERT_TRUE(comes_true([&] { return !started()[0]["ended"].is_null(); }));
  EXPECT_TRUE(started()[0]["printed"].get<std::string>().starts_with("train --resume=" + this->runs() + "/a\n"));
  EXPECT_EQ(studio_->send("POST", "/api/train/resume/a", R"({"folder": "elsewhere"})").status, 404);
  EXPECT_EQ(studio_->send("POST", "/api/train/resume/a", R"({"folder": "images"})").status, 200);
  EXPECT_EQ(started()[0]["command"], command_text({"train", "--resume=" + this->runs() + "/a", "--data=" + images()}));
}

TEST(StudioTrainReadOnly, StartsAndStopsNothing) {
  RunningStudio studio({.read_only = true}, {.executable = "/bin/true", .train = small_form()});
  EXPECT_EQ(studio.send("POST", "/api/train", R"({"folder": "images"})").status, 403);
  EXPECT_EQ(studio.send("POST", "/api/train/stop/a").status, 403);
  EXPECT_EQ(studio.send("POST", "/api/train/resume/a").status, 403);
  EXPECT_EQ(studio.get("/api/train/form").status, 200);
  EXPECT_FALSE(std::filesystem::exists(studio.folder() / "runs"));
}

TEST(CommandText, IsWhatAShellReadsAsTheseArguments) {
  EXPECT_EQ(command_text({"train", "my pets", "--epochs=3", "--lr=-1", "--name=", "--label-regex=(.+)_\\d+.jpg"}),
            "margay train 'my pets' --epochs=3 --lr=-1 --name='' --label-regex='(.+)_\\d+.jpg'");
}

}  // namespace
}  // namespace margay::studio
