#include "apps/serve/inference_protocol.h"

#include <cstring>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/http/target.h"

namespace margay::routes {
namespace {

using nlohmann::json;

constexpr InferenceLimits kSmall = {.images = 4, .numbers = 100};

InferenceRequest parsed(const std::string& body, const std::optional<std::string>& json_length = std::nullopt) {
  return parse_inference(body, json_length, kSmall, "image");
}

/// "STATUS what", or "taken".
std::string refusal_of(const std::string& body, const std::optional<std::string>& json_length = std::nullopt) {
  try {
    parsed(body, json_length);
  } catch (const http::RequestError& error) {
    return std::to_string(error.status()) + " " + error.what();
  }
  return "taken";
}

std::string tensor_of(const std::string& datatype, const std::string& shape, const std::string& rest) {
  return R"({"inputs":[{"name":"x","datatype":")" + datatype + R"(","shape":)" + shape + rest + "}]}";
}

std::string element(const std::string& bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::string text(sizeof(size), '\0');
  std::memcpy(text.data(), &size, sizeof(size));
  return text + bytes;
}

TEST(InferenceProtocol, ReadsTheExampleOfTheSpecification) {
  const InferenceRequest request = parsed(R"({
    "id" : "42",
    "inputs" : [
      {"name" : "input0", "shape" : [ 2, 2 ], "datatype" : "FP32", "data" : [ 1, 2, 3, 4.5 ]},
      {"name" : "input1", "shape" : [ 3 ], "datatype" : "BYTES", "data" : [ "a", "", "ä" ]}
    ],
    "outputs" : [ {"name" : "output0"} ]
  })");
  EXPECT_EQ(request.id, "42");
  ASSERT_EQ(request.inputs.size(), 2U);
  EXPECT_EQ(request.inputs[0].shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(request.inputs[0].numbers, (std::vector<float>{1, 2, 3, 4.5F}));
  EXPECT_EQ(request.inputs[1].bytes, (std::vector<std::string>{"a", "", "ä"}));
  ASSERT_EQ(request.outputs.size(), 1U);
  EXPECT_EQ(request.outputs[0].name, "output0");
  EXPECT_EQ(request.outputs[0].form, TensorForm::kJson);
}

TEST(InferenceProtocol, TakesNestedDataInRowMajorOrderWhereverItStands) {
  const InferenceRequest request =
      parsed(R"({"inputs":[{"data":[[1,2],[3,4]],"name":"x","shape":[2,2],"datatype":"FP32","parameters":{}},)"
             R"({"name":"y","datatype":"FP32","parameters":{"a":7},"data":[[[5]]],"shape":[1,1,1]}]})");
  EXPECT_EQ(request.inputs[0].numbers, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(request.inputs[1].numbers, (std::vector<float>{5}));
}

TEST(InferenceProtocol, DecodesBase64OnlyWhereTheContentTypeSaysSo) {
  EXPECT_EQ(parsed(tensor_of("BYTES", "[1]", R"(,"parameters":{"content_type":"base64"},"data":["aGk="])"))
                .inputs[0]
                .bytes.front(),
            "hi");
  EXPECT_EQ(parsed(tensor_of("BYTES", "[1]", R"(,"data":["aGk="])")).inputs[0].bytes.front(), "aGk=");
  EXPECT_EQ(refusal_of(tensor_of("BYTES", "[1]", R"(,"parameters":{"content_type":"base64"},"data":["a*"])")),
            "400 input 'x': a string is no base64");
}

TEST(InferenceProtocol, ReadsTensorsBehindTheJson) {
  const std::string numbers("\0\0\x80\x3f\0\0\0\xc0", 8);  // 1, -2
  const std::string head =
      R"({"parameters":{"binary_data_output":true},"inputs":[)"
      R"({"name":"a","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}},)"
      R"({"name":"b","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":11}}],)"
      R"("outputs":[{"name":"p"},{"name":"q","parameters":{"binary_data":false,"classification":3}}]})";
  const InferenceRequest request = parsed(head + numbers + element("abc") + element(""), std::to_string(head.size()));
  EXPECT_EQ(request.inputs[0].numbers, (std::vector<float>{1, -2}));
  EXPECT_EQ(request.inputs[1].bytes, (std::vector<std::string>{"abc", ""}));
  EXPECT_EQ(request.outputs[0].form, TensorForm::kBinary);
  EXPECT_EQ(request.outputs[1].form, TensorForm::kJson);
  EXPECT_EQ(request.outputs[1].classification, 3);
  EXPECT_EQ(request.default_form, TensorForm::kBinary);
}

TEST(InferenceProtocol, TakesARawBinaryRequestAsOneImage) {
  const InferenceRequest request = parsed(std::string("\xff\xd8\0x", 4), "0");
  ASSERT_EQ(request.inputs.size(), 1U);
  EXPECT_EQ(request.inputs[0].name, "image");
  EXPECT_EQ(request.inputs[0].bytes.front(), std::string("\xff\xd8\0x", 4));
}

TEST(InferenceProtocol, RefusesWhatIsNoRequestAndNamesTheField) {
  EXPECT_EQ(refusal_of("[]"), "400 the body must be a JSON object");
  EXPECT_EQ(refusal_of("{}"), "400 the body needs `inputs`, a list of tensors");
  EXPECT_EQ(refusal_of(R"({"inputs":{"a":{"data":[1]}}})"), "400 the body needs `inputs`, a list of tensors");
  EXPECT_EQ(refusal_of(R"({"inputs":[1]})"), "400 each of the inputs must be an object");
  EXPECT_EQ(refusal_of(R"({"inputs":[{}]})"), "400 an input needs `name`, a string");
  EXPECT_EQ(refusal_of(tensor_of("INT8", "[1]", R"(,"data":[1])")),
            "400 input 'x': datatype must be BYTES (image files) or FP32 (pixels), got 'INT8'");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[-1]", R"(,"data":[1])")),
            "400 input 'x': each size in `shape` must be a whole number, 0 or more");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[3]", R"(,"data":[1])")),
            "400 input 'x': a shape of [3] does not have the 1 elements given");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[1]", R"(,"data":["1"])")),
            "400 input 'x': the data of FP32 must be numbers");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[1]", R"(,"data":[1e39])")), "400 input 'x' holds a non-finite number");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[1]", R"(,"data":[{}])")), "400 the data of an input may hold no objects");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[1]", R"(,"data":[1],"data":[2])")), "400 an input has two fields data");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[1]", "")), "400 input 'x' needs `data`, or parameters.binary_data_size");
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[1]", R"(,"parameters":{"binary_data_size":4})")),
            "400 input 'x': binary_data_size is 4, and 0 bytes follow");
  EXPECT_EQ(refusal_of(R"({"inputs":[{"name":"x","shape":[1000000000,1000000000,1000000000],)"
                       R"("datatype":"FP32","data":[]}]})"),
            "400 input 'x': a shape of [1000000000, 1000000000, 1000000000] does not have the 0 elements given");
  EXPECT_EQ(refusal_of(R"({"inputs":[],"inputs":[{"name":"x","shape":[0],"datatype":"FP32","data":[]}]})"), "taken");
  EXPECT_EQ(refusal_of("{}", "9"), "400 Inference-Header-Content-Length must be a number of bytes of the body, 0 … 2");
  EXPECT_EQ(refusal_of("{", "1").substr(0, 23), "400 the body is no JSON");
}

TEST(InferenceProtocol, RefusesMoreThanItsLimitsBeforeItIsKept) {
  std::string many = "[0";
  for (int i = 0; i < 100; ++i) many += ",0";
  EXPECT_EQ(refusal_of(tensor_of("FP32", "[101]", R"(,"data":)" + many + "]")),
            "413 a tensor of FP32 has more than 100 elements");
  EXPECT_EQ(refusal_of(tensor_of("BYTES", "[5]", R"(,"data":["","","","",""])")),
            "413 a tensor of BYTES has more than 4 elements");
  const std::string head = tensor_of("BYTES", "[5]", R"(,"parameters":{"binary_data_size":20})");
  EXPECT_EQ(refusal_of(head + std::string(20, '\0'), std::to_string(head.size())),
            "413 input 'x' has more than 4 elements");
  EXPECT_EQ(refusal_of(std::string(100'000, '[')), "400 the JSON is nested too deeply");
}

TEST(InferenceProtocol, WritesJsonAndBinaryTensorsInTheirOrder) {
  const std::vector<OutputTensor> outputs = {
      {.name = "p", .shape = {1, 2}, .data = std::vector<float>{.25F, .75F}, .form = TensorForm::kBinary},
      {.name = "label", .shape = {1}, .data = std::vector<std::string>{"cat"}, .form = TensorForm::kJson},
      {.name = "none", .shape = {2}, .data = std::vector<bool>{true, false}, .form = TensorForm::kBinary},
      {.name = "names", .shape = {1}, .data = std::vector<std::string>{"cat"}, .form = TensorForm::kBinary}};
  const InferenceBody body = write_inference({"pets", "abc", "7"}, outputs);
  ASSERT_TRUE(body.json_length);
  const json document = json::parse(body.bytes.substr(0, *body.json_length));
  EXPECT_EQ(document["model_name"], "pets");
  EXPECT_EQ(document["model_version"], "abc");
  EXPECT_EQ(document["id"], "7");
  EXPECT_EQ(document["outputs"][0]["parameters"]["binary_data_size"], 8);
  EXPECT_FALSE(document["outputs"][0].contains("data"));
  EXPECT_EQ(document["outputs"][1]["data"], json::array({"cat"}));
  EXPECT_EQ(document["outputs"][2]["datatype"], "BOOL");
  EXPECT_EQ(body.bytes.substr(*body.json_length), std::string("\0\0\x80\x3e\0\0\x40\x3f\1\0", 10) + element("cat"));
  EXPECT_FALSE(write_inference({"pets", "abc", ""}, {outputs[1]}).json_length);
}

TEST(InferenceProtocol, WritesClassesAsValueIndexLabel) {
  EXPECT_EQ(classification_of({.25F, .5F, .25F}, {"a", "b", "c"}, 2),
            (std::vector<std::string>{"0.5:1:b", "0.25:0:a"}));
  EXPECT_EQ(classification_of({1}, {"a"}, 5).size(), 1U);
}

}  // namespace
}  // namespace margay::routes
