#include <chrono>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/studio/image_id.h"
#include "margay/data/image/write_image.h"
#include "margay/http/target.h"
#include "tests/studio/running_studio.h"
#include "tests/support/http_server.h"
#include "tests/support/image_samples.h"
#include "tests/support/tiny_images.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using testing_support::comes_true;
using testing_support::TemporaryFolder;
using testing_support::write;
using Json = nlohmann::json;

/// A studio over two classes of tiny images, and some of every kind of name.
class DataStudio {
 public:
  explicit DataStudio(bool is_read_only = false)
      : images_(prepared(folder_)), studio_({.folders = {images_}, .read_only = is_read_only}) {}

  /// What is told of the folder once it has been read.
  Json state(const std::string& query = "") {
    Json state;
    EXPECT_TRUE(comes_true([&] {
      state = studio_.json("/api/data/pets" + query);
      return state["state"] != "running";
    }));
    return state;
  }
  Json images(const std::string& query) { return studio_.json("/api/data/pets/images" + query); }
  http::ClientResponse get(const std::string& rest) { return studio_.get("/api/data/pets/" + rest); }
  testing_support::RunningStudio& studio() { return studio_; }
  const fs::path& folder() const { return images_; }
  Json check(const std::string& body = "") {
    EXPECT_EQ(studio_.send("POST", "/api/data/pets/check", body).status, 200);
    Json state;
    EXPECT_TRUE(comes_true([&] {
      state = studio_.json("/api/data/pets");
      return state["check"]["state"] != "running";
    }));
    return state["check"];
  }

 private:
  static fs::path prepared(const TemporaryFolder& folder) {
    const fs::path images = folder / "pets";
    testing_support::write_tiny_images(images, 3, 1);
    fs::copy(images / "train/flat/0.png", images / "valid/flat/copy.png");
    write(images / "train/upright/broken.png", "no image");
    write(folder / "secret.txt", "secret");
    fs::create_symlink(folder / "secret.txt", images / "train/flat/out.jpg");
    return images;
  }

  TemporaryFolder folder_;
  fs::path images_;
  testing_support::RunningStudio studio_;
};

TEST(DataRoutes, TellWhatTheFolderHolds) {
  DataStudio studio;
  const Json state = studio.state();
  EXPECT_EQ(state["state"], "done");
  const Json& dataset = state["dataset"];
  EXPECT_EQ(dataset["images"], 11);
  EXPECT_EQ(dataset["classes"], Json::parse(R"([["flat", 6, 4, 2], ["upright", 5, 4, 1]])"));
  EXPECT_EQ(dataset["split_by"], "the folders of training and validation");
  EXPECT_EQ(dataset["change"], "");
  EXPECT_EQ(state["check"]["state"], "idle");
}

TEST(DataRoutes, GiveTheImagesInPages) {
  DataStudio studio;
  studio.state();
  const Json first = studio.images("?count=4");
  EXPECT_EQ(first["total"], 11);
  EXPECT_EQ(first["images"].size(), 4);
  EXPECT_EQ(first["images"][0]["id"], "train/flat/0.png");
  EXPECT_EQ(first["images"][0]["side"], "train");
  EXPECT_EQ(first["images"][0]["labels"], Json::array({0}));
  const Json last = studio.images("?at=9&count=4");
  EXPECT_EQ(last["images"].size(), 2);
  EXPECT_EQ(studio.images("?at=999")["images"].size(), 0);
  EXPECT_EQ(studio.images("?label=1&side=valid")["images"][0]["id"], "valid/upright/0.png");
  EXPECT_EQ(studio.images("?text=BROKEN")["total"], 1);
}

TEST(DataRoutes, RefuseWhatMeansNothing) {
  DataStudio studio;
  studio.state();
  for (const char* query : {"?at=-1", "?count=99999", "?label=2", "?label=x", "?side=left", "?finding=odd",
                            "?order=odd", "?options=x", "?options=%7B%22odd%22%3A1%7D"}) {
    const auto response = studio.get(std::string("images") + query);
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_FALSE(Json::parse(response.body)["error"].get<std::string>().empty());
  }
  EXPECT_EQ(studio.get("image/none.png").status, 404);
  EXPECT_EQ(Json::parse(studio.get("image/train/flat/out.jpg").body)["file"].count("problem"), 1);
  EXPECT_EQ(studio.studio().get("/api/data/cats").status, 404);
}

TEST(DataRoutes, ReadTheFolderAsTheOptionsSay) {
  DataStudio studio;
  const fs::path cats =
      studio.folder() / "cats/flat";  // two levels above its images: a folder that is no part of a split
  fs::rename(studio.folder() / "train", studio.folder() / "animals");
  fs::remove_all(studio.folder() / "valid");
  fs::create_directories(cats);
  fs::copy(studio.folder() / "animals/flat/0.png", cats / "0.png");
  const std::string options = "?options=" + http::percent_encoded(R"({"label_folder": 2, "valid_fraction": 0.5})");
  const Json state = studio.state(options);
  ASSERT_EQ(state["dataset"]["classes"].size(), 2) << state;
  EXPECT_EQ(state["dataset"]["classes"][0][0], "animals");
  EXPECT_EQ(state["dataset"]["split_by"], "a random draw of 50 %, seed 42");
  EXPECT_EQ(studio.state()["dataset"]["classes"][0][0], "flat");  // the other way to read it is not forgotten
}

TEST(DataRoutes, ReadATableInTheFolderAndNoneOutsideIt) {
  DataStudio studio;
  write(studio.folder() / "labels.csv", "name,label\ntrain/flat/0.png,\"<b>ß</b>\"\ntrain/upright/0.png,ネコ\n");
  const auto with = [](const std::string& table) {
    return "?options=" + http::percent_encoded(Json({{"labels_csv", table}}).dump());
  };
  const Json state = studio.state(with("labels.csv"));
  EXPECT_EQ(state["dataset"]["classes"][0][0], "<b>ß</b>");
  EXPECT_EQ(state["dataset"]["classes"][1][0], "ネコ");
  EXPECT_EQ(studio.studio().get("/api/data/pets" + with("../secret.txt")).status, 403);
  EXPECT_EQ(studio.studio().get("/api/data/pets" + with("/etc/passwd")).status, 403);
  EXPECT_EQ(studio.studio().get("/api/data/pets" + with("none.csv")).status, 404);
}

TEST(DataRoutes, TellTheFactsOfAnImage) {
  DataStudio studio;
  studio.state();
  const Json facts = Json::parse(studio.get("image/train/flat/0.png").body);
  EXPECT_EQ(facts["file"]["format"], "PNG");
  EXPECT_EQ(facts["file"]["width"], 24);
  EXPECT_EQ(facts["file"]["bits"], 8);
  EXPECT_EQ(facts["file"]["bytes"], fs::file_size(studio.folder() / "train/flat/0.png"));
  EXPECT_FALSE(facts["file"].contains("problem"));
  const Json broken = Json::parse(studio.get("image/train/upright/broken.png").body);
  EXPECT_NE(broken["file"]["problem"].get<std::string>().find("broken.png"), std::string::npos);
}

TEST(DataRoutes, GiveThumbnailsThatBrowsersMayKeep) {
  DataStudio studio;
  studio.state();
  const std::string version = studio.images("?count=1")["images"][0]["version"];
  const auto response = studio.get("thumbnail/train/flat/0.png?v=" + version);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Content-Type"), "image/jpeg");
  EXPECT_EQ(response.headers.get("Cache-Control"), "private, max-age=31536000, immutable");
  EXPECT_EQ(response.body.substr(0, 3), "\xFF\xD8\xFF");
  const auto asked_again = studio.studio().send_with({{"Authorization", "Bearer " + studio.studio().token()},
                                                      {"If-None-Match", std::string(response.headers.get("ETag"))}},
                                                     "GET", "/api/data/pets/thumbnail/train/flat/0.png");
  EXPECT_EQ(asked_again.status, 304);
  EXPECT_EQ(studio.get("thumbnail/train/flat/0.png?v=old").headers.get("Cache-Control"), "private, no-cache");
  EXPECT_EQ(studio.get("thumbnail/train/upright/broken.png").status, 422);
  EXPECT_EQ(studio.get("thumbnail/train/flat/none.png").status, 404);
  EXPECT_EQ(studio.get("thumbnail/train/flat/0.png?side=0").status, 400);
}

TEST(DataRoutes, GiveNoFileOutsideTheFolder) {
  DataStudio studio;
  EXPECT_EQ(studio.get("thumbnail/train/flat/out.jpg").status, 403);     // a link that leads out
  EXPECT_EQ(studio.get("thumbnail/%252E%252E/secret.txt").status, 403);  // "..", as an id may write it
  EXPECT_EQ(studio.get("thumbnail/..%2Fsecret.txt").status, 400);
  EXPECT_EQ(studio.get("thumbnail//etc/passwd").status, 403);
  EXPECT_EQ(studio.get("thumbnail/%2500").status, 403);
  EXPECT_EQ(studio.studio().send_with({}, "GET", "/api/data/pets/thumbnail/train/flat/0.png").status, 401);
}

TEST(DataRoutes, ShowImagesWhoseNamesNoAddressHolds) {
  TemporaryFolder folder;
  const fs::path images = folder / "pets";
  for (const std::string name : {"100%.png", "caf\xE9\n\\.png", "<img src=x>&\".png"}) {
    fs::create_directories(images / "cat");
    data::write_png(images / "cat" / name, testing_support::gradient_image(9, 9));
    data::write_png(images / "cat" / ("other" + name), testing_support::noise_image(9, 9));
  }
  testing_support::RunningStudio studio({.folders = {images}});
  EXPECT_TRUE(comes_true([&] { return studio.json("/api/data/pets")["state"] == "done"; }));
  const Json page = studio.json("/api/data/pets/images");
  EXPECT_EQ(page["total"], 6);
  for (const Json& image : page["images"]) {
    const auto response = studio.get("/api/data/pets/thumbnail/" +
                                     http::percent_encoded(image["id"].get<std::string>()).replace(3, 3, "/"));
    EXPECT_EQ(response.status, 200) << image["id"] << response.body;
  }
}

TEST(DataRoutes, CheckInTheBackgroundAndFilterByWhatWasFound) {
  DataStudio studio;
  studio.state();
  const Json check = studio.check();
  EXPECT_EQ(check["state"], "done");
  EXPECT_EQ(check["done"], 11);
  EXPECT_EQ(check["is_of_this_data"], true);
  const auto kind = [&](const std::string& name) {
    for (const Json& each : check["kinds"]) {
      if (each["name"] == name) return each;
    }
    return Json();
  };
  EXPECT_EQ(kind("leak")["images"], 5);  // both images 0 of training are those of validation, and one has a copy there
  EXPECT_EQ(kind("leak")["severity"], "harm");
  const Json leaks = studio.images("?finding=leak");
  ASSERT_EQ(leaks["total"], 5);
  EXPECT_EQ(leaks["images"][0]["harms"], true);
  EXPECT_FALSE(leaks["images"][0]["finding"].get<std::string>().empty());
  EXPECT_GE(studio.images("?finding=any")["total"], 3);
  const Json facts = Json::parse(studio.get("image/train/flat/0.png").body);
  ASSERT_FALSE(facts["findings"].empty());
  EXPECT_EQ(facts["findings"][0]["images"].size(), 3);
  EXPECT_EQ(studio.studio().send("POST", "/api/data/pets/check", R"({"min_side": -1})").status, 400);
  EXPECT_EQ(studio.studio().send("POST", "/api/data/pets/check", "[]").status, 400);
}

TEST(DataRoutes, TakeFindingsFromAFile) {
  DataStudio studio;
  studio.state();
  const std::string path = (studio.folder() / "train/flat/1.png").string();
  const Json report = {{"findings", {{{"kind", "uniform"}, {"paths", {path}}, {"text", "all <b>grey</b>"}}}}};
  EXPECT_EQ(studio.studio().send("POST", "/api/data/pets/findings?name=report.json", report.dump()).status, 200);
  EXPECT_EQ(studio.state()["check"]["origin"], "report.json");
  EXPECT_EQ(studio.images("?finding=uniform")["images"][0]["id"], "train/flat/1.png");
  const auto bad = studio.studio().send("POST", "/api/data/pets/findings?name=odd.json", "{}");
  EXPECT_EQ(bad.status, 422);
  EXPECT_NE(bad.body.find("odd.json"), std::string::npos);
  const auto table = studio.studio().send("POST", "/api/data/pets/findings?name=a.csv", "image,quality\na,1\n");
  EXPECT_EQ(table.status, 422);
}

TEST(DataRoutes, ChangeNothingWhenReadOnly) {
  DataStudio studio(/*is_read_only=*/true);
  EXPECT_EQ(studio.state()["state"], "done");
  EXPECT_EQ(studio.studio().send("POST", "/api/data/pets/check").status, 403);
  EXPECT_EQ(studio.studio().send("POST", "/api/data/pets/findings", "[]").status, 403);
  EXPECT_EQ(studio.studio().send("DELETE", "/api/data/pets/check").status, 403);
}

TEST(DataRoutes, SayThatTheFolderHasChangedAndReadItAgain) {
  DataStudio studio;
  const Json before = studio.state();
  data::write_png(studio.folder() / "train/flat/new.png", testing_support::gradient_image(9, 9));
  EXPECT_EQ(studio.state()["dataset"]["change"], "changed");
  EXPECT_EQ(studio.state()["dataset"]["images"], 11);  // until it is asked for
  const std::string again = "read?after=" + before["revision"].dump();
  EXPECT_EQ(studio.get(again).status, 200);
  EXPECT_TRUE(comes_true([&] { return studio.state()["dataset"]["images"] == 12; }));
  EXPECT_EQ(studio.get(again).status, 200);  // once is enough
  EXPECT_EQ(studio.state()["revision"], 2);
  fs::rename(studio.folder(), studio.folder().string() + "-moved");
  EXPECT_EQ(studio.state()["dataset"]["change"], "gone");
  EXPECT_EQ(studio.get("thumbnail/train/flat/0.png").status, 404);
}

TEST(DataRoutes, HaveTheFirstFolderReadWhenAPageOpensAndGiveItAsItIsWhenItIsAskedFor) {
  DataStudio studio;
  testing_support::RawClient page(studio.studio().port(), studio.studio().events_request());
  std::string events;  // it is being read, and has been
  EXPECT_TRUE(comes_true([&] {
    events += page.receive("event: data");
    return testing_support::occurrences(events, "event: data") >= 2;
  }));
  data::write_png(studio.folder() / "train/flat/new.png", testing_support::gradient_image(9, 9));
  EXPECT_TRUE(comes_true([&] { return studio.state()["dataset"]["images"] == 12; }));
  EXPECT_EQ(studio.state()["revision"], 2);
  data::write_png(studio.folder() / "train/flat/newer.png", testing_support::gradient_image(9, 9));
  EXPECT_EQ(studio.state()["dataset"]["change"], "changed");  // what is shown stays until it is asked for
}

TEST(DataRoutes, SayWhyAFolderCannotBeRead) {
  TemporaryFolder folder;
  fs::create_directory(folder / "pets");
  testing_support::RunningStudio studio({.folders = {folder / "pets"}});
  EXPECT_TRUE(comes_true([&] { return studio.json("/api/data/pets")["state"] == "failed"; }));
  EXPECT_NE(studio.json("/api/data/pets")["problem"].get<std::string>().find("pets"), std::string::npos);
  EXPECT_EQ(studio.get("/api/data/pets/images").status, 409);
}

}  // namespace
}  // namespace margay::studio
