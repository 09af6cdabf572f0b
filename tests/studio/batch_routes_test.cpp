#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/studio/seen_images.h"
#include "apps/web/thumbnail.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/show_batch.h"
#include "margay/http/target.h"
#include "tests/studio/running_studio.h"
#include "tests/support/http_server.h"
#include "tests/support/tiny_images.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using testing_support::comes_true;
using Json = nlohmann::json;

/// A studio over tiny images.
struct BatchStudio {
  testing_support::TemporaryFolder folder;
  testing_support::RunningStudio studio;

  BatchStudio() : studio({.folders = {prepared(folder)}}) {}

  static fs::path prepared(const testing_support::TemporaryFolder& folder) {
    testing_support::write_tiny_images(folder / "tiny", 4, 1);
    return folder / "tiny";
  }
  http::ClientResponse get(const std::string& rest) { return studio.get("/api/data/tiny/" + rest); }
  static std::string query(const char* name, const Json& value) {
    return std::string("&") + name + "=" + http::percent_encoded(value.dump());
  }
};

constexpr const char* kTransforms = R"({"resize": {"size": 24}, "augment": {"size": 16, "max_rotate": 90}})";

TEST(BatchRoutes, DrawAnImageAsShowBatchDoes) {
  BatchStudio studio;
  const Json transforms = Json::parse(kTransforms);
  const std::string query =
      "draws?image=train/upright/1.png&seed=7&draws=3" + BatchStudio::query("transforms", transforms);
  const Json drawn = Json::parse(studio.get(query).body);
  EXPECT_EQ(drawn["seed"], 7);
  EXPECT_EQ(drawn["size"], 16);
  data::Transforms expected{.resize = {.size = 24}, .augment = {.size = 16, .min_scale = 0.75, .max_rotate = 90}};
  const auto tiles = data::draw_tiles(data::ImagePipeline(expected),
                                      data::ImageSource(studio.folder / "tiny/train/upright/1.png"), "", 3, 7);
  ASSERT_EQ(drawn["images"].size(), tiles.size());
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    EXPECT_EQ(drawn["images"][i]["source"], "data:image/jpeg;base64," + web::thumbnail_of(tiles[i].image, 16, 90)) << i;
  }
  EXPECT_EQ(Json::parse(studio.get(query).body), drawn);  // the image is in memory now
  EXPECT_NE(
      Json::parse(
          studio.get("draws?image=train/upright/1.png&seed=8&draws=3" + BatchStudio::query("transforms", transforms))
              .body)["images"],
      drawn["images"]);
}

TEST(BatchRoutes, RefuseTransformsAndImagesThatAreNone) {
  BatchStudio studio;
  const std::string image = "draws?image=train/upright/1.png";
  EXPECT_EQ(studio.get(image + BatchStudio::query("transforms", {{"augment", {{"max_rotate", 999}}}})).status, 400);
  EXPECT_EQ(studio.get(image + BatchStudio::query("transforms", {{"odd", 1}})).status, 400);
  EXPECT_EQ(studio.get(image + BatchStudio::query("transforms", {{"augment", {{"size", 4096}}}})).status, 400);
  EXPECT_EQ(studio.get(image + "&transforms=odd").status, 400);
  EXPECT_EQ(studio.get(image + "&draws=0").status, 400);
  EXPECT_EQ(studio.get(image + "&seed=-1").status, 400);
  EXPECT_EQ(studio.get("draws").status, 400);
  EXPECT_EQ(studio.get("draws?image=none.png").status, 404);
  testing_support::write(studio.folder / "tiny/train/flat/broken.png", "no image");
  const auto broken = studio.get("draws?image=train/flat/broken.png");
  EXPECT_EQ(broken.status, 422);
  EXPECT_NE(broken.body.find("broken.png"), std::string::npos);
}

TEST(BatchRoutes, GiveTheBatchOfATraining) {
  BatchStudio studio;
  const Json options = {{"transforms", Json::parse(kTransforms)}, {"loader", {{"batch_size", 4}}}};
  const Json batch = Json::parse(studio.get("batch?epoch=0" + BatchStudio::query("batch", options)).body);
  EXPECT_EQ(batch["pixels"]["shape"], Json::array({4, 3, 16, 16}));
  EXPECT_EQ(batch["pixels"]["type"], "float");
  EXPECT_EQ(batch["targets"]["shape"], Json::array({4}));
  EXPECT_EQ(batch["pixels"]["mean"].size(), 3);
  EXPECT_LT(batch["pixels"]["low"], batch["pixels"]["high"]);
  ASSERT_EQ(batch["images"].size(), 4);
  for (const Json& image : batch["images"]) {
    const std::string id = image["id"];
    EXPECT_TRUE(id.starts_with("train/" + image["caption"].get<std::string>() + "/")) << id;
  }
  const Json next = Json::parse(studio.get("batch?epoch=1" + BatchStudio::query("batch", options)).body);
  EXPECT_NE(next["images"], batch["images"]);
  EXPECT_EQ(studio.get("batch?" + BatchStudio::query("batch", {{"folder", "/etc"}})).status, 403);
  EXPECT_EQ(studio.get("batch?" + BatchStudio::query("batch", {{"loader", {{"cache_folder", "/tmp"}}}})).status, 403);
  EXPECT_EQ(studio.get("batch?" + BatchStudio::query("batch", {{"loader", {{"batch_size", 0}}}})).status, 400);
}

TEST(BatchRoutes, SumUpHowAnImageBecomesAPartOfABatch) {
  BatchStudio studio;
  const std::string options = BatchStudio::query("batch", {{"transforms", Json::parse(kTransforms)}});
  const Json summary = Json::parse(studio.get("summary?" + options).body);
  EXPECT_GE(summary["steps"].size(), 3);
  EXPECT_TRUE(summary["failure"].is_null());
  for (const auto& entry : fs::recursive_directory_iterator(studio.folder / "tiny")) {
    if (entry.is_regular_file()) testing_support::write(entry.path(), "no image");
  }
  const Json failed = Json::parse(studio.get("summary?" + options).body);
  ASSERT_FALSE(failed["failure"].is_null());
  EXPECT_NE(failed["failure"]["file"].get<std::string>().find("tiny/"), std::string::npos);
}

TEST(BatchRoutes, SearchForALearningRateInTheBackground) {
  BatchStudio studio;
  const Json options = {
      {"arch", "linear"},
      {"vision_learner", {{"weights", "none"}}},
      {"sweep", {{"num_it", 30}, {"start_lr", 1e-4}, {"end_lr", 1}}},
      {"batch",
       {{"transforms", {{"resize", {{"size", 32}}}, {"augment", {{"size", 28}}}}}, {"loader", {{"batch_size", 4}}}}}};
  ASSERT_EQ(studio.studio.send("POST", "/api/data/tiny/lr-find", options.dump()).status, 200);
  Json search;
  EXPECT_TRUE(comes_true([&] {
    search = studio.studio.json("/api/lr-find");
    return search["state"] != "running";
  }));
  ASSERT_EQ(search["state"], "done") << search["problem"];
  EXPECT_EQ(search["folder"], "tiny");
  EXPECT_EQ(search["lrs"].size(), search["losses"].size());
  EXPECT_GE(search["lrs"].size(), 20);
  EXPECT_EQ(search["says"][0], "There are no pretrained weights: the network trains from scratch.");
  EXPECT_TRUE(search.contains("suggestions"));
}

TEST(BatchRoutes, RefuseASearchThatCannotBe) {
  BatchStudio studio;
  const auto status = [&](const Json& body) {
    return studio.studio.send("POST", "/api/data/tiny/lr-find", body.dump()).status;
  };
  EXPECT_EQ(status({{"arch", "resnet19"}}), 400);
  EXPECT_EQ(status({{"sweep", {{"num_it", -1}}}}), 400);
  EXPECT_EQ(status({{"batch", {{"folder", "/etc"}}}}), 403);
  EXPECT_EQ(status({{"vision_learner", {{"weights", "/etc/passwd"}}}}), 403);
  EXPECT_EQ(status(Json::array()), 400);
  EXPECT_EQ(studio.studio.json("/api/lr-find")["state"], "idle");
}

TEST(BatchRoutes, DescribeTheirOptionsForAForm) {
  BatchStudio studio;
  const Json forms = studio.studio.json("/api/batch-options");
  const auto field = [](const Json& fields, const std::string& name) {
    for (const Json& each : fields) {
      if (each["name"] == name) return each;
    }
    return Json();
  };
  const Json rotate = field(field(forms["transforms"], "augment")["fields"], "max_rotate");
  EXPECT_EQ(rotate["kind"], "real");
  EXPECT_EQ(rotate["default"], 10.0);
  EXPECT_EQ(rotate["high"], 180.0);
  EXPECT_FALSE(rotate["help"].get<std::string>().empty());
  EXPECT_EQ(field(field(forms["transforms"], "augment")["fields"], "min_scale")["default"], 0.75);  // of a training
  EXPECT_EQ(field(field(forms["transforms"], "augment")["fields"], "pad_mode")["names"],
            Json::array({"zeros", "border", "reflection"}));
  EXPECT_EQ(field(forms["lr_find"], "arch")["default"], "resnet18");
  const Json data = studio.studio.json("/api/data-options")["data"];
  EXPECT_EQ(field(data, "fold")["is_optional"], true);
  EXPECT_TRUE(field(data, "fold")["default"].is_null());
}

}  // namespace
}  // namespace margay::studio
