#include <gtest/gtest.h>

#include "apps/studio/folder_labelling.h"
#include "margay/data/image/write_image.h"
#include "tests/studio/running_studio.h"
#include "tests/support/http_server.h"
#include "tests/support/tiny_images.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing_support::file_content;
using testing_support::RunningStudio;
using testing_support::TemporaryFolder;

/// A new folder with three loose images, and another one with two.
class LabelRoutesTest : public testing::Test {
 protected:
  LabelRoutesTest() {
    fs::create_directories(new_);
    fs::create_directories(photos_);
    for (int i = 0; i < 3; ++i) {
      data::write_png(new_ / (std::to_string(i) + ".png"), testing_support::striped_image(i % 2, i, 8));
    }
    for (int i = 3; i < 5; ++i) {
      data::write_png(photos_ / (std::to_string(i) + ".png"), testing_support::striped_image(i % 2, i, 8));
    }
    studio_.emplace(StudioOptions{.folders = {new_, photos_}});
  }

  Json post(const std::string& what, const Json& body) {
    const http::ClientResponse response = studio_->send("POST", "/api/label/new" + what, body.dump());
    Json json = Json::parse(response.body);
    json["status"] = response.status;
    return json;
  }
  Json label(const std::string& image, const std::string& label, const std::string& id,
             const std::string& folder = "new") {
    return post("/label", {{"who", "ann"},
                           {"decisions", {{{"id", id}, {"folder", folder}, {"image_id", image}, {"label", label}}}}});
  }

  const TemporaryFolder folder_;
  const fs::path new_ = folder_ / "new";
  const fs::path photos_ = folder_ / "photos";
  std::optional<RunningStudio> studio_;
};

TEST_F(LabelRoutesTest, LookingChangesNothing) {
  const Json state = studio_->json("/api/label/new");
  EXPECT_EQ(state["waiting"], 3);
  EXPECT_TRUE(state["classes"].empty());
  EXPECT_EQ(studio_->json("/api/label/new/next")["images"].size(), 3);
  EXPECT_FALSE(fs::exists(new_ / ".margay"));
}

TEST_F(LabelRoutesTest, LabelsLooseImagesWhereTrainingReadsThem) {
  EXPECT_EQ(post("/class", {{"label", "flat"}})["classes"][0]["images"], 0);
  EXPECT_EQ(label("0.png", "flat", "a")["results"][0]["number"], 1);
  EXPECT_EQ(label("0.png", "flat", "a")["results"][0]["number"], 1);  // repeated
  EXPECT_TRUE(fs::exists(new_ / "flat/0.png"));
  EXPECT_FALSE(fs::exists(new_ / "0.png"));
  const Json state = studio_->json("/api/label/new");
  EXPECT_EQ(state["waiting"], 2);
  EXPECT_EQ(state["classes"][0]["images"], 1);
  EXPECT_EQ(label("0.png", "flat", "b")["results"][0].contains("error"), true);
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "u"}})["undone"]["name"], "flat/0.png");
  EXPECT_TRUE(fs::exists(new_ / "0.png"));
}

TEST_F(LabelRoutesTest, CopiesImagesOfAnotherServedFolder) {
  EXPECT_EQ(post("/source", {{"folder", "photos"}})["waiting"], 2);
  label("3.png", "upright", "a", "photos");
  EXPECT_TRUE(fs::exists(photos_ / "3.png"));
  EXPECT_EQ(file_content(new_ / "upright/3.png"), file_content(photos_ / "3.png"));
  EXPECT_EQ(studio_->json("/api/label/new")["waiting"], 1);
  EXPECT_EQ(post("/source", {{"folder", "elsewhere"}})["status"], 404);
}

TEST_F(LabelRoutesTest, ALabelIsOfTheImageThatWasShownWhateverTheSourceIsByNow) {
  data::write_png(photos_ / "0.png", testing_support::striped_image(0, 8, 8));  // the name of a loose one, too
  post("/source", {{"folder", "photos"}});
  EXPECT_EQ(label("0.png", "flat", "a", "new")["results"][0]["number"], 1);
  EXPECT_FALSE(fs::exists(new_ / "0.png"));
  EXPECT_TRUE(fs::exists(photos_ / "0.png"));
  const Json one = {{"id", "b"}, {"image_id", "1.png"}, {"label", "flat"}};
  const Json refused = post("/label", {{"who", "ann"}, {"decisions", {one}}})["results"][0];
  EXPECT_NE(refused["error"].get<std::string>().find("names no \"folder\""), std::string::npos) << refused;
  EXPECT_EQ(refused["may_retry"], false);
  EXPECT_TRUE(label("1.png", "flat", "c", "elsewhere")["results"][0].contains("error"));
  EXPECT_TRUE(fs::exists(new_ / "1.png"));
}

TEST_F(LabelRoutesTest, WhatWasTakenBackIsTheNextToLabel) {
  const Json before = studio_->json("/api/label/new/next")["images"];
  for (const Json& image : before) label(image["image_id"], "flat", image["image_id"]);
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "u"}})["undone"]["waits_as"], before[2]["image_id"]);
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "v"}})["undone"]["waits_as"], before[1]["image_id"]);
  const Json after = studio_->json("/api/label/new/next")["images"];
  ASSERT_EQ(after.size(), 2);
  EXPECT_EQ(after[0], before[1]);
  EXPECT_EQ(after[1], before[2]);
  post("/source", {{"folder", "photos"}});
  label("4.png", "flat", "d", "photos");
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "w"}})["undone"]["waits_as"], "4.png");
  EXPECT_EQ(studio_->json("/api/label/new/next")["images"][0]["image_id"], "4.png");
}

TEST_F(LabelRoutesTest, TakesDroppedImagesAndRefusesOtherFiles) {
  const std::string bytes = file_content(photos_ / "3.png");
  const auto drop = [&](const std::string& body, const std::string& name) {
    return studio_->send("POST", "/api/label/new/image?label=flat&id=" + name + "&name=" + name, body);
  };
  EXPECT_EQ(drop(bytes, "x.png").status, 200);
  EXPECT_EQ(drop(bytes, "x.png").status, 200);
  EXPECT_EQ(file_content(new_ / "flat/x.png"), bytes);
  EXPECT_FALSE(fs::exists(new_ / "flat/x-2.png"));
  EXPECT_EQ(drop("no image", "y.png").status, 422);
  EXPECT_EQ(studio_->send("POST", "/api/label/new/image?label=../out&name=z.png", bytes).status, 400);
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(LabelRoutesTest, SeesFilesThatComeAndGoWhileItRuns) {
  EXPECT_EQ(studio_->json("/api/label/new")["waiting"], 3);
  data::write_png(new_ / "late.png", testing_support::striped_image(0, 9, 8));
  EXPECT_EQ(studio_->json("/api/label/new")["waiting"], 4);
  EXPECT_EQ(studio_->json("/api/label/new/next")["images"].size(), 4);
  fs::remove(new_ / "0.png");
  EXPECT_EQ(studio_->json("/api/label/new")["waiting"], 3);
  fs::create_directories(new_ / "flat");
  data::write_png(new_ / "flat/mine.png", testing_support::striped_image(0, 7, 8));  // a class, by hand
  const Json state = studio_->json("/api/label/new");
  EXPECT_EQ(state["classes"][0]["label"], "flat");
  EXPECT_EQ(state["labelled"], 1);
}

TEST_F(LabelRoutesTest, SeesFilesOfAnotherFolderWhileItRuns) {
  EXPECT_EQ(post("/source", {{"folder", "photos"}})["waiting"], 2);
  fs::create_directories(photos_ / "more");
  EXPECT_EQ(studio_->json("/api/label/new")["waiting"], 2);
  data::write_png(photos_ / "more/late.png", testing_support::striped_image(0, 9, 8));
  EXPECT_EQ(studio_->json("/api/label/new")["waiting"], 3);
}

TEST_F(LabelRoutesTest, MakesNoFolderAgainThatWasMoved) {
  fs::rename(new_, folder_ / "moved");
  EXPECT_EQ(studio_->get("/api/label/new").status, 422);
  EXPECT_FALSE(fs::exists(new_));
  fs::rename(folder_ / "moved", new_);
  EXPECT_EQ(studio_->json("/api/label/new")["waiting"], 3);
  fs::rename(new_, folder_ / "moved");
  EXPECT_EQ(label("0.png", "flat", "a")["status"], 422);
  EXPECT_FALSE(fs::exists(new_));
}

TEST_F(LabelRoutesTest, GoesOnWithoutALogThatWasRemoved) {
  label("0.png", "flat", "a");
  fs::remove_all(new_ / ".margay");
  const Json state = studio_->json("/api/label/new");
  EXPECT_EQ(state["labelled"], 1);
  EXPECT_TRUE(state["history"].empty());
  EXPECT_NE(state["warnings"].dump().find("labelled.jsonl was removed"), std::string::npos) << state["warnings"];
  EXPECT_EQ(label("1.png", "flat", "b")["results"][0]["number"], 1);  // of the new log
  EXPECT_TRUE(fs::exists(new_ / ".margay/labelled.jsonl"));
}

TEST_F(LabelRoutesTest, SaysWhyThereIsNoProbe) {
  label("0.png", "flat", "a");
  post("/probe", Json::object());
  ASSERT_TRUE(testing_support::comes_true([&] { return studio_->json("/api/label/new")["probe"]["state"] == "done"; }));
  EXPECT_EQ(studio_->json("/api/label/new")["probe"]["problem"],
            "a probe needs two images of two classes each; so far no class has two");
}

TEST_F(LabelRoutesTest, RefusesAFolderWhoseFoldersAreParts) {
  fs::create_directories(photos_ / "train/cat");
  const http::ClientResponse response = studio_->get("/api/label/photos");
  EXPECT_EQ(response.status, 422);
  EXPECT_NE(response.body.find("'train' in it holds folders"), std::string::npos) << response.body;
}

TEST_F(LabelRoutesTest, ReadOnlyLabelsNothing) {
  studio_.emplace(StudioOptions{.folders = {new_}, .read_only = true});
  EXPECT_EQ(label("0.png", "flat", "a")["status"], 403);
  EXPECT_TRUE(fs::exists(new_ / "0.png"));
  EXPECT_FALSE(fs::exists(new_ / ".margay"));
}

}  // namespace
}  // namespace margay::studio
