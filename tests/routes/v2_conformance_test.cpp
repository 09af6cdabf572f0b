// A client of the Open Inference Protocol, written from its specification ("Predict Protocol - Version 2" and the
// extensions binary_tensor_data, classification and model_repository), not from this server.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/routes/running_service.h"

namespace margay::routes {
namespace {

using nlohmann::json;
using testing_support::RunningService;

class V2Conformance : public testing::Test {
 protected:
  static RunningService& server() {
    static RunningService service;
    return service;
  }

  static json get_json(const std::string& target, int status = 200) {
    const auto response = server().get(target);
    EXPECT_EQ(response.status, status) << target << ": " << response.body;
    EXPECT_EQ(response.headers.get("Content-Type").substr(0, 16), "application/json");
    return json::parse(response.body);
  }

  static http::ClientResponse infer(const std::string& body, http::Headers headers = {}) {
    return server().post("/v2/models/pets/infer", body, std::move(headers));
  }

  /// The specification: a request that fails has a status of 400 or more and {"error": <string>}.
  static void expect_error(const http::ClientResponse& response, int status) {
    EXPECT_EQ(response.status, status) << response.body;
    const json body = json::parse(response.body);
    ASSERT_TRUE(body.contains("error")) << body;
    EXPECT_FALSE(body["error"].get<std::string>().empty());
  }

  static json output_of(const json& response, const std::string& name) {
    for (const json& output : response["outputs"]) {
      if (output["name"] == name) return output;
    }
    ADD_FAILURE() << "no output " << name << " in " << response;
    return {};
  }

  static std::string element_of(const std::string& bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + bytes;
  }

  /// A request whose one input is binary.
  static http::ClientResponse infer_binary(json request, const std::string& data) {
    const std::string text = request.dump();
    return infer(text + data, {{"Inference-Header-Content-Length", std::to_string(text.size())},
                               {"Content-Type", "application/octet-stream"}});
  }

  static http::ClientResponse infer_image(const std::string& image, json outputs = json::array()) {
    const std::string data = element_of(image);
    json request = {{"inputs",
                     {{{"name", "image"},
                       {"shape", {1}},
                       {"datatype", "BYTES"},
                       {"parameters", {{"binary_data_size", data.size()}}}}}}};
    if (!outputs.empty()) request["outputs"] = outputs;
    return infer_binary(request, data);
  }
};

TEST_F(V2Conformance, HealthSaysLiveAndReady) {
  EXPECT_EQ(get_json("/v2/health/live"), json({{"live", true}}));
  EXPECT_EQ(get_json("/v2/health/ready"), json({{"ready", true}}));
  EXPECT_EQ(get_json("/v2/models/pets/ready"), json({{"name", "pets"}, {"ready", true}}));
  EXPECT_TRUE(get_json("/v2/models/nobody/ready", 404).contains("error"));
}

TEST_F(V2Conformance, ServerMetadataHasNameVersionAndExtensions) {
  const json metadata = get_json("/v2");
  EXPECT_EQ(metadata["name"], "margay");
  EXPECT_EQ(metadata["version"], "1.2.3");
  EXPECT_EQ(metadata["extensions"], json({"classification", "binary_tensor_data", "model_repository"}));
}

TEST_F(V2Conformance, ModelMetadataHasItsTensors) {
  const json metadata = get_json("/v2/models/pets");
  EXPECT_EQ(metadata["name"], "pets");
  EXPECT_FALSE(metadata["platform"].get<std::string>().empty());
  const std::string version = metadata["versions"][0];
  EXPECT_EQ(get_json("/v2/models/pets/versions/" + version), metadata);
  EXPECT_TRUE(get_json("/v2/models/pets/versions/1", 404).contains("error"));
  EXPECT_EQ(get_json("/v2/models/pets/versions/" + version + "/ready")["ready"], true);
  EXPECT_EQ(metadata["inputs"], json({{{"name", "image"}, {"datatype", "BYTES"}, {"shape", {-1}}},
                                      {{"name", "pixels"}, {"datatype", "FP32"}, {"shape", {-1, 3, 16, 16}}}}));
  EXPECT_EQ(metadata["outputs"], json({{{"name", "probabilities"}, {"datatype", "FP32"}, {"shape", {-1, 3}}},
                                       {{"name", "logits"}, {"datatype", "FP32"}, {"shape", {-1, 3}}},
                                       {{"name", "label"}, {"datatype", "BYTES"}, {"shape", {-1}}}}));
  EXPECT_EQ(output_of({{"outputs", get_json("/v2/models/tags")["outputs"]}}, "labels")["datatype"], "BOOL");
}

TEST_F(V2Conformance, InfersPixelsInJsonFlatOrNested) {
  json flat = json::array();
  for (int i = 0; i < 2 * 3 * 16 * 16; ++i) flat.push_back(std::sin(i));
  json request = {{"id", "a1"},
                  {"inputs", {{{"name", "pixels"}, {"shape", {2, 3, 16, 16}}, {"datatype", "FP32"}, {"data", flat}}}}};
  const auto response = infer(request.dump());
  ASSERT_EQ(response.status, 200) << response.body;
  const json answer = json::parse(response.body);
  EXPECT_EQ(answer["id"], "a1");
  EXPECT_EQ(answer["model_name"], "pets");
  EXPECT_EQ(answer["model_version"], get_json("/v2/models/pets")["versions"][0]);
  const json probabilities = output_of(answer, "probabilities");
  EXPECT_EQ(probabilities["datatype"], "FP32");
  EXPECT_EQ(probabilities["shape"], json({2, 3}));
  ASSERT_EQ(probabilities["data"].size(), 6U);
  EXPECT_NEAR(probabilities["data"][0].get<double>() + probabilities["data"][1].get<double>() +
                  probabilities["data"][2].get<double>(),
              1, 1e-6);
  EXPECT_EQ(output_of(answer, "label")["shape"], json({2}));

  json nested = json::array();
  for (int n = 0, i = 0; n < 2; ++n) {
    nested.push_back(json::array());
    for (int c = 0; c < 3; ++c) {
      nested.back().push_back(json::array());
      for (int y = 0; y < 16; ++y) {
        nested.back().back().push_back(json::array());
        for (int x = 0; x < 16; ++x) nested.back().back().back().push_back(flat[static_cast<std::size_t>(i++)]);
      }
    }
  }
  request["inputs"][0]["data"] = nested;
  EXPECT_EQ(infer(request.dump()).body, response.body);
}

TEST_F(V2Conformance, InfersImagesAsTheOwnRouteDoes) {
  const auto response = infer_image(server().png());
  ASSERT_EQ(response.status, 200) << response.body;
  const json answer = json::parse(response.body);
  const json own = json::parse(server().post("/predictions/pets", server().png()).body);
  EXPECT_EQ(output_of(answer, "label")["data"][0], own["predictions"][0]["label"]);
  std::vector<double> values = output_of(answer, "probabilities")["data"];
  EXPECT_EQ(*std::max_element(values.begin(), values.end()), own["predictions"][0]["probability"].get<double>());
}

TEST_F(V2Conformance, GivesOnlyTheOutputsAskedForInTheFormAskedFor) {
  const auto response =
      infer_image(server().png(), {{{"name", "logits"}, {"parameters", {{"binary_data", true}}}}, {{"name", "label"}}});
  ASSERT_EQ(response.status, 200) << response.body;
  const std::string length(response.headers.get("Inference-Header-Content-Length"));
  ASSERT_FALSE(length.empty());
  const std::size_t json_size = std::stoul(length);
  const json answer = json::parse(response.body.substr(0, json_size));
  ASSERT_EQ(answer["outputs"].size(), 2U);
  EXPECT_EQ(answer["outputs"][0]["name"], "logits");
  EXPECT_EQ(answer["outputs"][0]["parameters"]["binary_data_size"], 12);
  EXPECT_EQ(response.body.size(), json_size + 12);
  std::array<float, 3> logits{};
  std::memcpy(logits.data(), response.body.data() + json_size, sizeof(logits));
  const json as_json = json::parse(infer_image(server().png(), {{{"name", "logits"}}}).body);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(static_cast<double>(logits.at(k)), output_of(as_json, "logits")["data"][k].get<double>());
  }
  expect_error(infer_image(server().png(), {{{"name", "nothing"}}}), 400);
}

TEST_F(V2Conformance, ClassificationGivesValueIndexLabel) {
  const auto response =
      infer_image(server().png(), {{{"name", "probabilities"}, {"parameters", {{"classification", 2}}}}});
  ASSERT_EQ(response.status, 200) << response.body;
  const json output = output_of(json::parse(response.body), "probabilities");
  EXPECT_EQ(output["datatype"], "BYTES");
  EXPECT_EQ(output["shape"], json({1, 2}));
  const std::string first = output["data"][0];
  const json own = json::parse(server().post("/predictions/pets", server().png()).body);
  EXPECT_EQ(own["predictions"][0]["label"], first.substr(first.rfind(':') + 1));
  EXPECT_EQ(std::stof(first), own["predictions"][0]["probability"].get<float>());
  EXPECT_EQ(std::count(first.begin(), first.end(), ':'), 2);
}

TEST_F(V2Conformance, TakesARawBinaryRequest) {
  const auto raw = infer(server().png(), {{"Inference-Header-Content-Length", "0"}});
  ASSERT_EQ(raw.status, 200) << raw.body;
  EXPECT_EQ(json::parse(raw.body), json::parse(infer_image(server().png()).body));
}

TEST_F(V2Conformance, ErrorsAreAnObjectWithOneText) {
  expect_error(infer("{"), 400);
  expect_error(infer("{}"), 400);
  expect_error(infer_image("no image"), 422);
  expect_error(infer(R"({"inputs":[{"name":"image","datatype":"BYTES","shape":[0],"data":[]}]})"), 400);
  expect_error(infer(R"({"inputs":[{"name":"other","datatype":"BYTES","shape":[1],"data":["x"]}]})"), 400);
  expect_error(
      infer(R"({"inputs":[{"name":"pixels","datatype":"FP32","shape":[1,3,2,2],"data":[0,0,0,0,0,0,0,0,0,0,0,0]}]})"),
      400);
  expect_error(server().post("/v2/models/nobody/infer", "{}"), 404);
  expect_error(server().get("/v2/nothing"), 404);
}

TEST_F(V2Conformance, TheRepositoryListsItsModels) {
  const json index = json::parse(server().post("/v2/repository/index", "{}").body);
  ASSERT_EQ(index.size(), 2U);
  EXPECT_EQ(index[0]["name"], "pets");
  EXPECT_EQ(index[0]["state"], "READY");
  EXPECT_EQ(index[0]["version"], get_json("/v2/models/pets")["versions"][0]);
}

}  // namespace
}  // namespace margay::routes
