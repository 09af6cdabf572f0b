#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apps/studio/folder_review.h"
#include "margay/data/edits/journal.h"
#include "margay/data/source/image_files.h"
#include "margay/http/target.h"
#include "tests/studio/running_studio.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/http_server.h"
#include "tests/support/tiny_images.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing_support::RunningStudio;
using testing_support::TemporaryFolder;

/// train and valid of the classes flat and upright, two images each.
class CleanRoutesTest : public testing::Test {
 protected:
  CleanRoutesTest() {
    testing_support::write_tiny_images(images_, 2, 2);
    studio_.emplace(StudioOptions{.folders = {images_}});
  }

  Json post(const std::string& what, const Json& body) {
    const http::ClientResponse response = studio_->send("POST", "/api/clean/images" + what, body.dump());
    Json json = Json::parse(response.body);
    json["status"] = response.status;
    return json;
  }
  Json decide(const std::string& id, const Json& decision, const std::string& who = "ann") {
    Json one = decision;
    one["id"] = id;
    return post("/decide", {{"who", who}, {"decisions", {one}}});
  }
  Json state() { return studio_->json("/api/clean/images"); }
  fs::path journal_file() const { return data::journal_beside(images_); }
  data::Journal journal() const { return data::Journal::read(journal_file()); }
  std::string image(int i) const {
    return fs::path(data::image_files(images_)[static_cast<std::size_t>(i)]).lexically_relative(images_).string();
  }

  const TemporaryFolder folder_;
  const fs::path images_ = folder_ / "images";
  std::optional<RunningStudio> studio_;
};

TEST_F(CleanRoutesTest, LookingMakesNoJournal) {
  const Json state = this->state();
  EXPECT_EQ(state["images"], 8);
  EXPECT_EQ(state["classes"], (Json{"flat", "upright"}));
  EXPECT_EQ(state["progress"]["pending"], 0);
  studio_->json("/api/clean/images/sample");
  studio_->json("/api/clean/images/plan");
  EXPECT_FALSE(fs::exists(images_ / ".margay"));
}

TEST_F(CleanRoutesTest, ReadsTheFolderAsTheOptionsSay) {
  testing_support::write(images_ / "labels.csv",
                         "name,label\n" + image(0) + ",odd\n" + image(1) + ",even\n" + image(2) + ",odd\n");
  const std::string options =
      "?options=" + http::percent_encoded(R"({"labels_csv":"labels.csv","valid_fraction":0.5})");
  const Json of_table = studio_->json("/api/clean/images" + options);
  EXPECT_EQ(of_table["images"], 3) << of_table;
  EXPECT_EQ(of_table["classes"], (Json{"even", "odd"}));
  EXPECT_EQ(state()["classes"], (Json{"flat", "upright"}));
  // The journal is one.
  const Json body = {{"who", "ann"}, {"decisions", {{{"id", "1"}, {"image_id", image(0)}, {"kind", "keep"}}}}};
  EXPECT_EQ(studio_->send("POST", "/api/clean/images/decide" + options, body.dump()).status, 200);
  EXPECT_EQ(state()["journal"]["decisions"], 1);
  const std::string edited = "?options=" + http::percent_encoded(R"({"edits":true})");
  EXPECT_EQ(studio_->get("/api/clean/images" + edited).status, 400);
  const std::string outside = "?options=" + http::percent_encoded(R"({"labels_csv":"../labels.csv"})");
  EXPECT_EQ(studio_->get("/api/clean/images" + outside).status, 403);
}

TEST_F(CleanRoutesTest, KeepsTheWaysOfReadingThatWereUsedLast) {
  const auto read = [&](int seed) {
    const std::string options = fmt::format(R"({{"split_seed":{},"split":"random"}})", seed);
    return studio_->json("/api/clean/images?options=" + http::percent_encoded(options));
  };
  const Json first = read(0);
  for (int seed = 0; seed < 12; ++seed) EXPECT_EQ(read(seed)["images"], 8) << read(seed);
  EXPECT_NE(read(0)["version"], first["version"]);  // read anew
  EXPECT_EQ(read(11)["version"], read(11)["version"]);
  fs::copy_file(images_ / image(0), images_ / "train/flat/late.png");
  EXPECT_EQ(read(11)["images"], 8);
  EXPECT_EQ(read(11)["change"], "changed");
  EXPECT_EQ(read(1)["images"], 9);  // not kept
}

TEST_F(CleanRoutesTest, ADecisionIsOnTheDiskBeforeTheAnswer) {
  const Json answer = decide("1", {{"image_id", image(0)}, {"kind", "relabel"}, {"labels", {"upright"}}});
  EXPECT_EQ(answer["results"], (Json{{{"id", "1"}, {"number", 1}}}));
  ASSERT_EQ(journal().size(), 1U);
  EXPECT_EQ(journal().decision(1).who, "ann");
  EXPECT_EQ(journal().decision(1).after, data::Labels{"upright"});
  EXPECT_EQ(answer["state"]["progress"]["relabelled"], 1);
  EXPECT_TRUE(fs::exists(images_ / image(0)));
}

TEST_F(CleanRoutesTest, ARequestThatIsRepeatedDecidesOnce) {
  const Json decision = {{"image_id", image(0)}, {"kind", "delete"}};
  decide("a", decision);
  EXPECT_EQ(decide("a", decision)["results"][0]["number"], 1);
  studio_.emplace(StudioOptions{.folders = {images_}});  // after a restart, too
  EXPECT_EQ(decide("a", decision)["results"][0]["number"], 1);
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "u"}})["undone"]["number"], 1);
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "u"}})["undone"]["number"], 1);
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "v"}})["undone"], nullptr);
  EXPECT_EQ(journal().size(), 2U);
}

TEST_F(CleanRoutesTest, ManyDecisionsAreToldOfOneByOne) {
  const Json answer =
      post("/decide", {{"decisions",
                        {{{"id", "1"}, {"image_id", image(0)}, {"kind", "keep"}},
                         {{"id", "2"}, {"image_id", "none.png"}, {"kind", "keep"}},
                         {{"id", "3"}, {"image_id", image(1)}, {"kind", "relabel"}, {"labels", {"uprigt"}}},
                         {{"id", "4"}, {"image_id", image(2)}, {"kind", "dance"}},
                         {{"id", "5"}, {"image_id", image(3)}, {"kind", "skip"}}}}});
  ASSERT_EQ(answer["results"].size(), 5);
  EXPECT_EQ(answer["results"][0]["number"], 1);
  EXPECT_NE(answer["results"][1]["error"].get<std::string>().find("there is no image 'none.png'"), std::string::npos);
  EXPECT_NE(answer["results"][2]["error"].get<std::string>().find("did you mean 'upright'?"), std::string::npos);
  EXPECT_EQ(answer["results"][2]["may_retry"], false);
  EXPECT_NE(answer["results"][3]["error"].get<std::string>().find("'dance' is no kind of decision"), std::string::npos);
  EXPECT_EQ(answer["results"][4]["number"], 2);
}

TEST_F(CleanRoutesTest, ADiskThatIsFullMayBeTriedAgain) {
  decide("1", {{"image_id", image(0)}, {"kind", "keep"}});
  const Json decision = {{"image_id", image(1)}, {"kind", "delete"}};
  {
    const testing_support::FileSizeLimit limit(fs::file_size(journal_file()) + 10);
    const Json answer = decide("2", decision);
    EXPECT_EQ(answer["results"][0]["may_retry"], true) << answer;
  }
  EXPECT_EQ(journal().size(), 1U);
  EXPECT_EQ(decide("2", decision)["results"][0]["number"], 2);
}

TEST_F(CleanRoutesTest, ANewClassNeedsAWord) {
  Json decision = {{"image_id", image(0)}, {"kind", "relabel"}, {"labels", {"slanted"}}};
  EXPECT_TRUE(decide("1", decision)["results"][0].contains("error"));
  decision["new_class"] = true;
  const Json answer = decide("2", decision);
  EXPECT_EQ(answer["results"][0]["number"], 1);
  EXPECT_EQ(answer["state"]["classes"], (Json{"flat", "slanted", "upright"}));
  decision["labels"] = {"a/b"};
  EXPECT_TRUE(decide("3", decision)["results"][0].contains("error"));
  studio_.emplace(StudioOptions{.folders = {images_}});
  EXPECT_EQ(state()["classes"], (Json{"flat", "slanted", "upright"}));
}

TEST_F(CleanRoutesTest, SeesWhatATerminalDecidesAndAnotherUserUndoesTheirOwn) {
  decide("1", {{"image_id", image(0)}, {"kind", "keep"}}, "ann");
  data::Journal terminal = data::Journal::read(journal_file());
  data::Decision other = terminal.decision(1);
  other.kind = data::DecisionKind::kDelete;
  other.image = image(1);
  other.after.clear();
  other.who = "bob";
  other.id.clear();  // a repeated one would count once
  terminal.append(other);
  EXPECT_EQ(state()["journal"]["decisions"], 2);
  EXPECT_EQ(state()["progress"]["deleted"], 1);
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "u"}})["undone"]["number"], 1);
  const Json history = studio_->json("/api/clean/images/history");
  EXPECT_EQ(history["total"], 3);
  EXPECT_EQ(history["decisions"][0]["kind"], "undo");
  EXPECT_EQ(history["decisions"][1]["who"], "bob");
}

TEST_F(CleanRoutesTest, TellsThatFilesHaveComeOrGoneAndReadsThemWhenAsked) {
  EXPECT_EQ(state()["change"], "");
  decide("1", {{"image_id", image(0)}, {"kind", "keep"}});  // makes the journal's folder
  EXPECT_EQ(state()["change"], "");
  const Json version = state()["version"];
  fs::create_directories(images_ / "train/round");
  fs::copy_file(images_ / image(0), images_ / "train/round/late.png");
  EXPECT_EQ(state()["change"], "changed");
  EXPECT_EQ(state()["images"], 8);
  EXPECT_EQ(state()["version"], version);  // nothing moves under the reviewer's hands
  const Json read = post("/reload", Json::object());
  EXPECT_EQ(read["change"], "");
  EXPECT_EQ(read["images"], 9);
  EXPECT_EQ(read["classes"], (Json{"flat", "round", "upright"}));
  EXPECT_EQ(read["progress"]["kept"], 1);
  fs::rename(images_, folder_ / "moved");
  EXPECT_EQ(state()["change"], "gone");
  fs::rename(folder_ / "moved", images_);
  EXPECT_EQ(state()["change"], "");
}

TEST_F(CleanRoutesTest, ASearchLooksAtTheImagesThatAreThereNow) {
  EXPECT_EQ(state()["images"], 8);
  fs::copy_file(images_ / image(0), images_ / "train/flat/late.png");
  EXPECT_EQ(post("/search", Json::object())["images"], 9);
  ASSERT_TRUE(testing_support::comes_true([&] { return state()["search"]["state"] == "done"; })) << state();
  EXPECT_EQ(state()["search"]["images"], 9);
  fs::copy_file(images_ / image(0), images_ / "train/flat/later.png");
  post("/reload", Json::object());
  studio_.emplace(StudioOptions{.folders = {images_}});
  EXPECT_EQ(state()["images"], 10);
}

TEST_F(CleanRoutesTest, AnUndoTellsWhichEntryIsToBeDecidedAgain) {
  decide("1", {{"image_id", image(1)}, {"kind", "delete"}});
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "u"}})["undone"]["entry"], nullptr);
  testing_support::write(images_ / "train/flat/broken.png", "no image");
  post("/search", Json::object());
  ASSERT_TRUE(testing_support::comes_true([&] { return state()["search"]["state"] == "done"; })) << state();
  const Json ids = studio_->json("/api/clean/images/ids?kind=unreadable&wanted=pending")["ids"];
  ASSERT_EQ(ids.size(), 1) << state();
  decide("2", {{"image_id", "train/flat/broken.png"}, {"kind", "delete"}, {"finding", "unreadable"}});
  EXPECT_TRUE(studio_->json("/api/clean/images/ids?kind=unreadable&wanted=pending")["ids"].empty());
  EXPECT_EQ(post("/undo", {{"who", "ann"}, {"id", "v"}})["undone"]["entry"], ids[0]);
  EXPECT_EQ(studio_->json("/api/clean/images/ids?kind=unreadable&wanted=pending")["ids"], ids);
}

TEST_F(CleanRoutesTest, AppliesOnlyThePlanThatWasShown) {
  decide("1", {{"image_id", image(0)}, {"kind", "delete"}});
  const Json plan = studio_->json("/api/clean/images/plan?move_files=1");
  EXPECT_EQ(plan["deleted_count"], 1);
  EXPECT_EQ(plan["deleted"][0]["from"], image(0));
  EXPECT_TRUE(fs::exists(images_ / image(0)));
  const std::string gone = image(0);
  decide("2", {{"image_id", image(1)}, {"kind", "keep"}});
  EXPECT_EQ(post("/apply", {{"move_files", true}, {"hash", plan["hash"]}})["status"], 409);
  EXPECT_TRUE(fs::exists(images_ / gone));
  const Json now = studio_->json("/api/clean/images/plan?move_files=1");
  const Json done = post("/apply", {{"move_files", true}, {"hash", now["hash"]}});
  EXPECT_EQ(done["moved"], 1) << done;
  EXPECT_FALSE(fs::exists(images_ / gone));
  EXPECT_EQ(done["state"]["images"], 7);
  EXPECT_EQ(post("/undo-apply", Json::object())["moved"], 1);
  EXPECT_TRUE(fs::exists(images_ / gone));
}

TEST_F(CleanRoutesTest, FindsCopiesAndRemembersThatTheyAreNone) {
  core::Image noise(24, 24);  // stripes are all alike
  std::mt19937 random(1);     // NOLINT: the same image in every run
  for (int y = 0; y < noise.height; ++y) {
    for (int x = 0; x < 3 * noise.width; ++x) noise.row(y)[x] = static_cast<std::uint8_t>(random() % 256);
  }
  data::write_png(images_ / "train/flat/noise.png", noise);
  fs::copy_file(images_ / "train/flat/noise.png", images_ / "train/flat/noise copy.png");
  EXPECT_EQ(post("/search", Json::object())["status"], 200);
  ASSERT_TRUE(testing_support::comes_true([&] { return state()["search"]["state"] == "done"; })) << state();
  EXPECT_NE(state()["warnings"].dump().find("no pretrained weights"), std::string::npos);
  const Json ids = studio_->json("/api/clean/images/ids?kind=duplicate&wanted=pending")["ids"];
  ASSERT_EQ(ids.size(), 1) << state();
  const Json entry = studio_->json(fmt::format("/api/clean/images/entries?ids={}", ids[0].get<int>()))["entries"][0];
  EXPECT_EQ(entry["others"].size(), 1);
  decide("1",
         {{"image_id", entry["image_id"]}, {"kind", "not_duplicate"}, {"others", {entry["others"][0]["image_id"]}}});
  EXPECT_TRUE(studio_->json("/api/clean/images/ids?kind=duplicate&wanted=pending")["ids"].empty());
  EXPECT_EQ(state()["progress"]["distinct"], 1);
}

TEST_F(CleanRoutesTest, ShowsImagesAndNothingOutside) {
  const http::ClientResponse picture = studio_->get("/api/data/images/thumbnail/" + image(0) + "?side=16");
  EXPECT_EQ(picture.status, 200);
  EXPECT_EQ(picture.headers.get("Content-Type"), "image/jpeg");
  EXPECT_NE(studio_->get("/api/data/images/thumbnail/..%2F..%2Fetc%2Fpasswd").status, 200);
  EXPECT_EQ(studio_->get("/api/clean/other").status, 404);
  EXPECT_EQ(studio_->get("/api/clean/images/entries?ids=1,x").status, 400);
}

TEST_F(CleanRoutesTest, ReadOnlyDecidesNothing) {
  studio_.emplace(StudioOptions{.folders = {images_}, .read_only = true});
  EXPECT_EQ(state()["is_read_only"], true);
  EXPECT_EQ(decide("1", {{"image_id", image(0)}, {"kind", "delete"}})["status"], 403);
  EXPECT_EQ(post("/reload", Json::object())["status"], 200);
  EXPECT_FALSE(fs::exists(images_ / ".margay"));
}

TEST_F(CleanRoutesTest, AnotherJournalIsToldOfAndNothingIsDecided) {
  testing_support::write(journal_file(), "no journal\n");
  EXPECT_EQ(studio_->get("/api/clean/images").status, 422);
}

}  // namespace
}  // namespace margay::studio
