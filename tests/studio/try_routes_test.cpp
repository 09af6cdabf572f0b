#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/studio/tried_image.h"
#include "margay/http/base64.h"
#include "tests/studio/served_model.h"

namespace margay::studio {
namespace {

using TestJson = nlohmann::json;
using testing_support::RunningStudio;
using testing_support::StudioWithModel;

std::string stripes_file(StudioWithModel& studio) {
  return testing_support::file_content(studio.running().folder() / "images/valid/flat/0.png");
}

TEST(StudioTry, TellsWhatAModelIs) {
  StudioWithModel studio;
  const TestJson facts =
      TestJson::parse(studio.running().send("POST", "/api/try/model?model=" + StudioWithModel::model_query()).body);
  EXPECT_EQ(facts["name"], "20240501-090000-stripes");
  EXPECT_EQ(facts["architecture"], "resnet20");
  EXPECT_EQ(facts["labels"], (TestJson{"flat", "round", "upright"}));
  EXPECT_EQ(facts["is_multi_label"], false);
  EXPECT_EQ(studio.running().json("/api/models")["models"][0]["is_loaded"], true);
}

TEST(StudioTry, PredictsTheSameBitsAsThePredictor) {
  const auto model = testing_support::seeded_model(7);
  const auto uploads = testing_support::striped_uploads(3);
  const torch::Tensor logits = testing_support::logits_of_uploads(model->predictor(), uploads);
  for (std::size_t i = 0; i < uploads.size(); ++i) {
    const TriedImage tried = try_image(*model, uploads[i].name, std::get<serve::ImageBytes>(uploads[i].content));
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(tried.logits[k], logits[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(k)].item<float>());
    }
    EXPECT_EQ(tried.map_label, tried.prediction.guesses.front().label);
  }
}

TEST(StudioTry, ShowsPredictionAndMapOfADroppedImage) {
  StudioWithModel studio({.read_only = true});
  const std::string path = "/api/try?model=" + StudioWithModel::model_query() + "&name=dropped.png";
  const http::ClientResponse response = studio.running().send("POST", path, stripes_file(studio));
  ASSERT_EQ(response.status, 200) << response.body;
  const TestJson tried = TestJson::parse(response.body);
  EXPECT_EQ(tried["path"], "dropped.png");
  ASSERT_EQ(tried["predictions"].size(), 3U);
  EXPECT_EQ(tried["logits"].size(), 3U);
  EXPECT_EQ(tried["map"]["label"], tried["predictions"][0]["label"]);
  EXPECT_FALSE(tried.contains("nearest"));
  for (const std::string& address : {tried["map"]["image"].get<std::string>(), tried["seen"].get<std::string>()}) {
    const std::string prefix = "data:image/jpeg;base64,";
    ASSERT_TRUE(address.starts_with(prefix));
    EXPECT_TRUE(http::base64_decoded(std::string_view(address).substr(prefix.size()))->starts_with("\xFF\xD8"));
  }
  const TestJson other =
      TestJson::parse(studio.running().send("POST", path + "&label=round", stripes_file(studio)).body);
  EXPECT_EQ(other["map"]["label"], "round");
  EXPECT_EQ(other["predictions"], tried["predictions"]);
}

TEST(StudioTry, FindsTheNearestTrainingImages) {
  StudioWithModel studio;
  const std::string model = "model=" + StudioWithModel::model_query();
  RunningStudio& running = studio.running();
  EXPECT_EQ(running.json("/api/try/examples?" + model)["state"], "none");
  TestJson status = TestJson::parse(running.send("POST", "/api/try/examples?" + model).body);
  for (int i = 0; i < 2000 && status["state"] == "working"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    status = running.json("/api/try/examples?" + model);
  }
  ASSERT_EQ(status["state"], "ready") << status;
  const std::string trained = testing_support::file_content(running.folder() / "images/train/upright/1.png");
  const TestJson tried = TestJson::parse(running.send("POST", "/api/try?" + model, trained).body);
  const TestJson& nearest = tried.at("nearest");
  ASSERT_GE(nearest.size(), 1U);
  EXPECT_NEAR(nearest[0]["similarity"].get<double>(), 1, 1e-4);
  for (const TestJson& image : nearest) {
    EXPECT_TRUE(image["name"].get<std::string>().find(image["labels"][0].get<std::string>()) != std::string::npos);
    EXPECT_TRUE(image["image"].get<std::string>().starts_with("data:image/jpeg;base64,"));
  }
  // Those of a model that was written anew are other ones.
  bundle::save_bundle(studio.run() / "model.margay", testing_support::seeded_bundle(8));
  EXPECT_EQ(running.json("/api/try/examples?" + model)["state"], "none");
  const TestJson anew = TestJson::parse(running.send("POST", "/api/try?" + model, trained).body);
  EXPECT_FALSE(anew.contains("nearest"));
  EXPECT_NE(anew["model_version"], tried["model_version"]);
}

TEST(StudioTry, SaysWhatIsWrongWithAnImageAndWithAModel) {
  StudioWithModel studio;
  const std::string path = "/api/try?model=" + StudioWithModel::model_query();
  const http::ClientResponse text = studio.running().send("POST", path + "&name=a.txt", "no image");
  EXPECT_EQ(text.status, 422);
  EXPECT_TRUE(TestJson::parse(text.body)["error"].get<std::string>().starts_with("a.txt: ")) << text.body;
  EXPECT_EQ(studio.running().send("POST", path).status, 400);
  EXPECT_EQ(studio.running().send("POST", path + "&label=lion", stripes_file(studio)).status, 400);
  EXPECT_EQ(studio.running().send("POST", "/api/try?model=runs%3Anone%2Fmodel.margay", "x").status, 404);
}

TEST(StudioTry, GivesTheEmptyPageOfWhichASavedOneIsMade) {
  StudioWithModel studio;
  const TestJson page = studio.running().json("/api/empty-page?title=%3Cb%3EMistakes%3C%2Fb%3E");
  const std::string before = page["before"];
  EXPECT_NE(before.find("<title>&lt;b&gt;Mistakes&lt;/b&gt;</title>"), std::string::npos);
  EXPECT_NE(before.find("default-src 'none'; img-src data:; script-src 'sha256-"), std::string::npos);
  EXPECT_NE(before.find("<div id=\"studio\">"), std::string::npos);
  EXPECT_TRUE(page["after"].get<std::string>().ends_with("</html>\n"));
}

}  // namespace
}  // namespace margay::studio
