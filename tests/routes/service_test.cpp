#include "apps/serve/service.h"

#include <set>

#include <gtest/gtest.h>

#include "apps/serve/image_prediction.h"
#include "margay/core/text.h"
#include "margay/http/base64.h"
#include "tests/routes/running_service.h"

namespace margay::routes {
namespace {

using nlohmann::json;
using testing_support::RunningService;

/// One server for the tests that change nothing.
RunningService& running() {
  static RunningService service;
  return service;
}

const http::Headers kJson = {{"Content-Type", "application/json"}};

TEST(Service, PredictsABodyAsThePredictorDoes) {
  const std::string png = running().png();
  const http::ClientResponse response = running().post("/predictions/pets?top=3&name=a.png", png);
  ASSERT_EQ(response.status, 200) << response.body;
  const serve::Predictor predictor(bundle::load_bundle(running().folder() / "pets.margay"));
  const auto table = predictor.predict({data::ImageSource({png.begin(), png.end()}, "a.png")});
  const auto* logits = table.logits.data_ptr<float>();
  const auto* probabilities = table.probabilities.data_ptr<float>();
  const ImagePrediction expected = image_prediction("a.png", {{logits, 3}, {probabilities, 3}, std::nullopt},
                                                    predictor.vocabulary().names(), predictor.task(), {});
  const std::string version = model_version(running().folder() / "pets.margay");
  EXPECT_EQ(response.body, to_json(expected, {"pets", version}).dump());
}

TEST(Service, AListGetsAListAndBrokenImagesTheirReason) {
  const std::string good = http::base64_encoded(running().png());
  const std::string bad = http::base64_encoded("no image");
  const auto response = running().post(
      "/predictions/tags", R"({"images":[")" + good + R"(",{"name":"b","base64":")" + bad + R"("}]})", kJson);
  ASSERT_EQ(response.status, 200) << response.body;
  const json list = running().json_of(response);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["predictions"].size(), 3U);
  EXPECT_TRUE(list[0].contains("labels"));
  EXPECT_EQ(list[1]["error"].get<std::string>().find("b: "), 0U) << list[1];
  EXPECT_FALSE(list[1].contains("predictions"));
  const auto all_bad = running().post("/predictions/tags", R"({"images":[")" + bad + R"("]})", kJson);
  EXPECT_EQ(all_bad.status, 422) << all_bad.body;
}

TEST(Service, BrokenImagesAreTheClientsFault) {
  for (const std::string& body : {std::string("no image"), std::string(1, '\0'), running().png().substr(0, 60)}) {
    const auto response = running().post("/predictions/pets", body);
    EXPECT_EQ(response.status, 422) << response.body;
    EXPECT_EQ(running().json_of(response)["error"].get<std::string>().find("image: "), 0U) << response.body;
  }
  EXPECT_EQ(running().post("/predictions/pets", "").status, 400);
}

TEST(Service, NamesOfModelsAreNoPaths) {
  for (const char* name :
       {"nobody", "..%2fpets", "%2e%2e", "pets%00", "..", "pets/../pets", "pets.margay", "PETS", ""}) {
    const auto response = running().post(std::string("/predictions/") + name, running().png());
    EXPECT_TRUE(response.status == 404 || response.status == 400) << name << ": " << response.status;
    EXPECT_TRUE(running().json_of(response).contains("error")) << response.body;
  }
  EXPECT_EQ(running().get("/predictions/pets").status, 405);
  EXPECT_EQ(running().get("/etc/passwd").status, 404);
}

TEST(Service, WithoutTokensNobodyLoadsModels) {
  EXPECT_EQ(running().post("/v2/repository/models/pets/load", "{}").status, 401);
  EXPECT_EQ(running().post("/v2/repository/models/pets/unload", "{}").status, 401);
}

TEST(Service, ATokenIsAskedForWhereThereIsOne) {
  RunningService service(RunningService::Access::kToken);
  const http::Headers token = {{"Authorization", std::string("Bearer ") + RunningService::kToken}};
  EXPECT_EQ(service.post("/predictions/pets", service.png()).status, 401);
  EXPECT_EQ(service.post("/predictions/pets", service.png(), {{"Authorization", "Bearer 0123456789abcdeg"}}).status,
            401);
  EXPECT_EQ(service.post("/predictions/pets", service.png(), token).status, 200);
  EXPECT_EQ(service.get("/metrics").status, 401);
  EXPECT_EQ(service.get("/ping").status, 200);
  EXPECT_EQ(service.get("/v2/health/ready").status, 200);
  EXPECT_EQ(service.get("/").status, 200);

  const auto load = [&](const char* what, const char* model) {
    return service.post(std::string("/v2/repository/models/") + model + "/" + what, "{}", token);
  };
  EXPECT_EQ(load("load", "nobody").status, 404);
  EXPECT_EQ(load("unload", "pets").status, 200);
  EXPECT_EQ(service.post("/predictions/pets", service.png(), token).status, 503);
  EXPECT_EQ(service.json_of(service.post("/v2/repository/index", "{}", token))[0]["state"], "UNAVAILABLE");
  EXPECT_EQ(load("load", "pets").status, 200);
  EXPECT_EQ(service.post("/predictions/pets", service.png(), token).status, 200);

  const std::string before = service.store().status("pets").version;
  testing_support::write(service.folder() / "pets.margay", "no model");
  const auto refused = load("load", "pets");
  EXPECT_EQ(refused.status, 400) << refused.body;
  EXPECT_EQ(service.json_of(refused)["error"].get<std::string>().find("pets is served as before: "), 0U);
  EXPECT_EQ(service.post("/predictions/pets", service.png(), token).status, 200);
  EXPECT_EQ(service.store().status("pets").version, before);
}

TEST(Service, TheDescriptionListsEveryRouteAndNoOther) {
  const json document = running().json_of(running().get("/openapi.json"));
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["version"], "1.2.3");
  std::set<std::string> described;
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      described.insert(method + " " + path);
      EXPECT_FALSE(operation["summary"].get<std::string>().empty()) << path;
      EXPECT_EQ(operation.contains("requestBody"), method == "post" && !path.starts_with("/v2/repository/")) << path;
    }
  }
  std::set<std::string> routed;
  for (const http::Route& route : running().service().api().router().routes()) {
    routed.insert(core::lower_case(route.method) + " " + route.pattern);
  }
  EXPECT_EQ(described, routed);
  for (const char* path : {"post /predictions/{model}", "get /ping", "get /v2", "get /v2/health/live",
                           "get /v2/health/ready", "get /v2/models/{model}", "get /v2/models/{model}/ready",
                           "post /v2/models/{model}/infer", "post /v2/models/{model}/versions/{version}/infer",
                           "post /v2/repository/index", "post /v2/repository/models/{model}/load", "get /metrics",
                           "get /openapi.json", "get /", "post /maps/{model}"}) {
    EXPECT_TRUE(described.contains(path)) << path;
  }
}

/// The names after "#/components/schemas/" anywhere in a document.
void collect_references(const json& value, std::set<std::string>& names) {
  if (value.is_object() && value.contains("$ref")) {
    const auto reference = value["$ref"].get<std::string>();
    names.insert(reference.substr(reference.rfind('/') + 1));
  }
  if (value.is_structured()) {
    for (const json& each : value) collect_references(each, names);
  }
}

TEST(Service, TheDescriptionRefersOnlyToSchemasThatItHas) {
  const json document = running().json_of(running().get("/openapi.json"));
  std::set<std::string> names;
  collect_references(document, names);
  EXPECT_GE(names.size(), 8U);
  for (const std::string& name : names) EXPECT_TRUE(document["components"]["schemas"].contains(name)) << name;
}

TEST(Service, ThePageRunsOnlyItsOwnScript) {
  const auto page = running().get("/");
  EXPECT_EQ(page.status, 200);
  const std::string policy(page.headers.get("Content-Security-Policy"));
  EXPECT_NE(policy.find("default-src 'none'; script-src 'self';"), std::string::npos) << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(page.body.find("<script>"), std::string::npos);
  EXPECT_EQ(page.body.find("style="), std::string::npos);
  for (const char* part : {"/page.js", "/page.css"}) {
    EXPECT_NE(page.body.find(part), std::string::npos);
    const auto file = running().get(part);
    EXPECT_EQ(file.status, 200);
    EXPECT_GT(file.body.size(), 1000U);
  }
}

TEST(Service, DrawsTheMapOfAClass) {
  const auto best = running().post("/maps/pets", running().png());
  ASSERT_EQ(best.status, 200) << best.body;
  EXPECT_EQ(best.headers.get("Content-Type"), "image/jpeg");
  const core::Image image =
      data::decode_image({reinterpret_cast<const std::uint8_t*>(best.body.data()), best.body.size()}, "map");
  EXPECT_GE(image.width, 224);
  const auto flat = running().post("/maps/pets?label=flat", running().png());
  const auto round = running().post("/maps/pets?label=round", running().png());
  EXPECT_EQ(flat.status, 200);
  EXPECT_NE(flat.body, round.body);
  const auto unknown = running().post("/maps/pets?label=nothing", running().png());
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.body, R"({"error":"pets has no class 'nothing'"})");
  EXPECT_EQ(running().post("/maps/pets", "no image").status, 422);
  EXPECT_EQ(running().post("/maps/nobody", running().png()).status, 404);
}

TEST(Service, CountsWhatItAnswers) {
  running().post("/predictions/pets", running().png());
  running().get("/v2/models/nobody");
  const auto metrics = running().get("/metrics");
  EXPECT_EQ(metrics.headers.get("Content-Type"), kMetricsType);
  for (const char* sample :
       {R"(margay_requests_total{code="200",model="pets"})", R"(margay_requests_total{code="404",model=""})",
        R"(margay_images_total{model="pets"})", "margay_model_info{", R"(version=")", "margay_connections 1"}) {
    EXPECT_NE(metrics.body.find(sample), std::string::npos) << sample << "\n" << metrics.body;
  }
}

TEST(Service, IsNotReadyOnceItEnds) {
  RunningService service;
  EXPECT_EQ(service.get("/v2/health/ready").status, 200);
  service.service().begin_drain();
  EXPECT_EQ(service.get("/v2/health/ready").status, 400);
  EXPECT_EQ(service.get("/v2/health/live").status, 200);
}

}  // namespace
}  // namespace margay::routes
