#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/studio/served_model.h"

namespace margay::studio {
namespace {

using TestJson = nlohmann::json;
using testing_support::RunningStudio;
using testing_support::StudioWithModel;

TestJson asked(StudioWithModel& studio, TestJson question) {
  question["model"] = StudioWithModel::model();
  return TestJson::parse(studio.running().send("POST", "/api/mistakes?watcher=test", question.dump()).body);
}

/// The status when nothing changes any more.
TestJson waited_for(StudioWithModel& studio, const TestJson& begun) {
  const std::string path = "/api/mistakes/" + begun.at("id").get<std::string>() + "?watcher=test";
  TestJson status = begun;
  for (int i = 0; i < 2000 && (status["state"] == "waiting" || status["state"] == "working"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    status = studio.running().json(path);
  }
  return status;
}

TEST(StudioMistakes, ListsTheModelsOfRunsAndFolders) {
  StudioWithModel studio;
  RunningStudio& running = studio.running();
  testing_support::write(running.folder() / "images/mine.margay", "looked at when it is chosen");
  testing_support::write(running.folder() / "runs/20240502-090000-no-model/config.json", "{}");
  const TestJson models = running.json("/api/models").at("models");
  ASSERT_EQ(models.size(), 2U);
  for (const TestJson& model : models) {
    const bool is_of_run = model["id"] == StudioWithModel::model();
    EXPECT_EQ(model["name"], is_of_run ? "20240501-090000-stripes" : "mine.margay");
    EXPECT_EQ(model["run"], is_of_run ? "20240501-090000-stripes" : "");
    EXPECT_EQ(model["is_loaded"], false);
  }
}

TEST(StudioMistakes, JudgesAModelByTheImagesOfItsRunAndGivesWhatTheReportShows) {
  StudioWithModel studio;
  RunningStudio& running = studio.running();
  const TestJson done = waited_for(studio, asked(studio, {{"part", "all"}}));
  ASSERT_EQ(done["state"], "done") << done;
  const std::string path = "/api/mistakes/" + done["id"].get<std::string>();

  const TestJson page = running.json(path + "/document");
  EXPECT_EQ(page["title"], "20240501-090000-stripes on images");
  EXPECT_EQ(page["document"]["num_images"], 10);
  EXPECT_EQ(page["document"]["vocab"], (TestJson{"flat", "round", "upright"}));
  EXPECT_TRUE(page["document"].contains("calibration"));
  const TestJson& highest = page["document"]["top_losses"]["highest"];
  ASSERT_EQ(highest.size(), 10U);
  const std::string first = std::to_string(highest[0]["row"].get<int>());
  EXPECT_EQ(page["images"][first]["loss"], highest[0]["loss"]);
  EXPECT_EQ(page["images"][first]["name"], highest[0]["name"]);

  std::size_t in_cells = 0;
  for (const TestJson& cell : page["document"]["confusion"]["cells"]) {
    const TestJson images = running.json(path + "/cell?row=" + cell[0].dump() + "&column=" + cell[1].dump());
    EXPECT_EQ(images["images"].size(), cell[2].get<std::size_t>());
    for (const TestJson& row : images["images"]) {
      EXPECT_EQ(images["facts"][std::to_string(row.get<int>())]["labels"], TestJson::array({cell[0]}));
    }
    in_cells += images["images"].size();
  }
  EXPECT_EQ(in_cells, 10U);
}

TEST(StudioMistakes, AddressesOfAnotherStartAreOthers) {
  StudioWithModel first;
  StudioWithModel second;  // browsers keep images for an hour
  EXPECT_NE(asked(first, {{"part", "all"}})["id"], asked(second, {{"part", "all"}})["id"]);
}

TEST(StudioMistakes, AModelThatWasWrittenAnewIsJudgedAnew) {
  StudioWithModel studio;
  const TestJson done = waited_for(studio, asked(studio, {{"part", "all"}}));
  EXPECT_EQ(asked(studio, {{"part", "all"}})["id"], done["id"]);
  bundle::save_bundle(studio.run() / "model.margay", testing_support::seeded_bundle(8));  // in the same second
  EXPECT_NE(asked(studio, {{"part", "all"}})["id"], done["id"]);
}

TEST(StudioMistakes, ShowsEachImageItsMapAndItsLogits) {
  StudioWithModel studio;
  RunningStudio& running = studio.running();
  const TestJson done = waited_for(studio, asked(studio, {{"part", "all"}}));
  ASSERT_EQ(done["state"], "done") << done;
  const std::string path = "/api/mistakes/" + done["id"].get<std::string>();
  for (const char* image : {"/image/0", "/map/0", "/map/0?label=round"}) {
    const http::ClientResponse response = running.get(path + image);
    EXPECT_EQ(response.status, 200) << image << response.body;
    EXPECT_EQ(response.headers.get("Content-Type"), "image/jpeg");
    EXPECT_TRUE(response.body.starts_with("\xFF\xD8"));
  }
  const TestJson xray = running.json(path + "/xray/0");
  EXPECT_EQ(xray["kind"], "softmax");
  EXPECT_EQ(xray["classes"].size(), 3U);
  EXPECT_EQ(xray["logits"].size(), 3U);
  ASSERT_EQ(xray["targets"].size(), 1U);
  const TestJson library = TestJson::parse(
      running
          .send("POST", "/api/xray",
                TestJson({{"kind", "softmax"}, {"logits", xray["logits"]}, {"targets", xray["targets"]}}).dump())
          .body);
  const TestJson page = running.json(path + "/document");
  EXPECT_NEAR(library["loss"].get<double>(), page["images"]["0"]["loss"].get<double>(), 1e-5);

  EXPECT_EQ(running.get(path + "/image/10").status, 404);
  EXPECT_EQ(running.get(path + "/xray/-1").status, 404);
  EXPECT_EQ(running.get(path + "/image/cat").status, 400);
  EXPECT_EQ(running.get(path + "/map/0?label=lion").status, 400);
  std::filesystem::remove_all(running.folder() / "images");
  EXPECT_EQ(running.get(path + "/map/0").status, 422);
}

TEST(StudioMistakes, GivesTheSameEvaluationTwiceUntilItIsAskedForAgain) {
  StudioWithModel studio;
  const TestJson first = waited_for(studio, asked(studio, {{"part", "all"}}));
  EXPECT_EQ(asked(studio, {{"part", "all"}})["id"], first["id"]);
  EXPECT_NE(asked(studio, {{"unlabelled", true}})["id"], first["id"]);
  const http::ClientResponse again =
      studio.running().send("POST", "/api/mistakes?watcher=test&again=true",
                            TestJson({{"model", StudioWithModel::model()}, {"part", "all"}}).dump());
  EXPECT_NE(TestJson::parse(again.body)["id"], first["id"]);
}

TEST(StudioMistakes, SaysWhyAModelCannotBeJudged) {
  StudioWithModel studio;
  RunningStudio& running = studio.running();
  testing_support::write(studio.run() / "config.json", R"({"batch": {"folder": "/nowhere/pets"}})");
  const TestJson moved = waited_for(studio, asked(studio, {{"part", "all"}}));
  EXPECT_EQ(moved["state"], "failed");
  EXPECT_EQ(moved["problem"],
            "/nowhere/pets: the images of this run were here and are not any more; choose the folder in which they now "
            "lie");

  std::filesystem::rename(running.folder() / "images/train/flat", running.folder() / "images/train/lion");
  const TestJson others = waited_for(studio, asked(studio, {{"part", "all"}, {"folder", "images"}}));
  EXPECT_EQ(others["state"], "failed");
  EXPECT_NE(others["problem"].get<std::string>().find("'lion' (3 images)"), std::string::npos) << others;
  const TestJson known =
      waited_for(studio, asked(studio, {{"part", "all"}, {"folder", "images"}, {"leaves_unknown_out", true}}));
  EXPECT_EQ(known["state"], "done") << known;

  testing_support::write(studio.run() / "model.margay", "no model");
  const TestJson broken =
      waited_for(studio, asked(studio, {{"part", "all"}, {"folder", "images"}, {"unlabelled", true}}));
  EXPECT_EQ(broken["state"], "failed");
  EXPECT_NE(broken["problem"].get<std::string>().find("model.margay: "), std::string::npos) << broken;
}

TEST(StudioMistakes, RefusesQuestionsThatSayNothingAndModelsThatAreNotServed) {
  StudioWithModel studio;
  const auto status_of = [&](const std::string& body) {
    return studio.running().send("POST", "/api/mistakes?watcher=test", body).status;
  };
  EXPECT_EQ(status_of("no JSON"), 400);
  EXPECT_EQ(status_of("{}"), 400);
  EXPECT_EQ(status_of(R"({"model": 3})"), 400);
  EXPECT_EQ(status_of(TestJson({{"model", StudioWithModel::model()}, {"part", "some"}}).dump()), 400);
  EXPECT_EQ(status_of(TestJson({{"model", StudioWithModel::model()}, {"folder", 7}}).dump()), 400);
  EXPECT_EQ(status_of(R"({"model": "runs:none/model.margay"})"), 404);
  EXPECT_EQ(status_of(R"({"model": "runs:../../secret.margay"})"), 403);
  EXPECT_EQ(status_of(R"({"model": "pets"})"), 404);
  EXPECT_EQ(studio.running().get("/api/mistakes/99?watcher=test").status, 404);
  EXPECT_EQ(studio.running().get("/api/mistakes/99/document").status, 404);
}

TEST(StudioMistakes, JudgesWithReadOnly) {
  StudioWithModel studio({.read_only = true});
  EXPECT_EQ(waited_for(studio, asked(studio, {{"part", "all"}}))["state"], "done");
}

}  // namespace
}  // namespace margay::studio
