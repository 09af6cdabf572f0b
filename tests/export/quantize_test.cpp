#include "margay/export/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/export/onnx_names.h"
#include "tests/export/onnx_interpreter.h"

namespace margay::exporting {
namespace {

using testing_support::OnnxInterpreter;
using Names = std::vector<std::string>;

std::vector<float> randoms(std::int64_t count) {
  const torch::Tensor values = torch::randn({count});
  return {values.data_ptr<float>(), values.data_ptr<float>() + count};
}

OnnxNode conv(const std::string& name, Names inputs, const std::string& output) {
  using Sides = std::vector<std::int64_t>;
  return {.op = "Conv",
          .name = name,
          .inputs = std::move(inputs),
          .outputs = {output},
          .attributes = {{"pads", Sides{0, 0, 0, 0}}, {"strides", Sides{1, 1}}, {"dilations", Sides{1, 1}}}};
}

OnnxNode node(const std::string& op, Names inputs, const std::string& output,
              std::vector<OnnxAttribute> attributes = {}) {
  return {.op = op,
          .name = output + "_node",
          .inputs = std::move(inputs),
          .outputs = {output},
          .attributes = std::move(attributes)};
}

/// images [N,2,3,3] -> conv1 2->4, batch norm, ReLU -> conv2 4->4, ReLU -> mean -> three logits.
OnnxModel small_network() {
  torch::manual_seed(3);
  OnnxModel model;
  model.inputs = {{.name = "images", .shape = {std::string("N"), std::int64_t{2}, std::int64_t{3}, std::int64_t{3}}}};
  model.outputs = {{.name = kLogitsOutput, .shape = {std::string("N"), std::int64_t{3}}}};
  model.tensors = {onnx_floats("conv1.weight", {4, 2, 1, 1}, randoms(8)),
                   onnx_floats("bn.weight", {4}, std::array{1.5F, -0.5F, 2.0F, 1.0F}),
                   onnx_floats("bn.bias", {4}, randoms(4)),
                   onnx_floats("bn.mean", {4}, randoms(4)),
                   onnx_floats("bn.var", {4}, std::array{0.5F, 1.0F, 2.0F, 4.0F}),
                   onnx_floats("conv2.weight", {4, 4, 1, 1}, randoms(16)),
                   onnx_floats("conv2.bias", {4}, randoms(4)),
                   onnx_floats("fc.weight", {3, 4}, randoms(12)),
                   onnx_floats("fc.bias", {3}, randoms(3))};
  model.nodes = {conv("conv1", {"images", "conv1.weight"}, "c1"),
                 node("BatchNormalization", {"c1", "bn.weight", "bn.bias", "bn.mean", "bn.var"}, "n1"),
                 node("Relu", {"n1"}, "r1"),
                 conv("conv2", {"r1", "conv2.weight", "conv2.bias"}, "c2"),
                 node("Relu", {"c2"}, "r2"),
                 node("GlobalAveragePool", {"r2"}, "mean"),
                 node("Flatten", {"mean"}, "features", {{"axis", std::int64_t{1}}}),
                 node("Gemm", {"features", "fc.weight", "fc.bias"}, kLogitsOutput, {{"transB", std::int64_t{1}}})};
  return model;
}

torch::Tensor some_images() {
  torch::manual_seed(5);
  return torch::randn({64, 2, 3, 3});
}

torch::Tensor logits_of(const OnnxModel& model, const torch::Tensor& images) {
  return OnnxInterpreter(model).run({{"images", images}}).at(kLogitsOutput);
}

ActivationHistograms histograms_of(const OnnxModel& model, const torch::Tensor& images,
                                   const QuantizeOptions& options) {
  const Names values = values_to_quantise(model, options);
  const OnnxModel told = with_outputs(without_norms(model), values);
  OnnxInterpreter::Values results = OnnxInterpreter(told).run({{"images", images}});
  results["images"] = images;
  ActivationHistograms histograms;
  for (const std::string& value : values) {
    const torch::Tensor rows = results.at(value).contiguous();
    histograms[value].add({rows.data_ptr<float>(), static_cast<std::size_t>(rows.numel())});
  }
  return histograms;
}

const OnnxTensor& tensor_of(const OnnxModel& model, std::string_view name) {
  const auto found = std::find_if(model.tensors.begin(), model.tensors.end(),
                                  [&](const OnnxTensor& tensor) { return tensor.name == name; });
  if (found == model.tensors.end()) throw std::invalid_argument("there is no constant " + std::string(name));
  return *found;
}

int largest_byte(const OnnxTensor& tensor) {
  int largest = 0;
  for (const char byte : tensor.elements()) largest = std::max(largest, std::abs(static_cast<std::int8_t>(byte)));
  return largest;
}

TEST(ActivationHistogram, KnowsTheSmallestAndTheLargestNumber) {
  ActivationHistogram histogram;
  EXPECT_EQ(histogram.min_max(), std::pair(0.0F, 0.0F));
  histogram.add(std::array{0.5F, std::numeric_limits<float>::infinity(), -2.0F, std::nanf("")});
  EXPECT_EQ(histogram.count(), 2);
  EXPECT_EQ(histogram.min_max(), std::pair(-2.0F, 0.5F));
}

TEST(ActivationHistogram, LeavesTheRestOfThePercentileOutOnEitherSide) {
  std::vector<float> values(10'000);
  std::iota(values.begin(), values.end(), 0.0F);
  ActivationHistogram histogram;
  histogram.add(values);
  const auto [low, high] = histogram.percentile_range(99);
  constexpr float kBin = 9;  // 2 · 17,180 / 4096
  EXPECT_NEAR(low, 100, kBin);
  EXPECT_NEAR(high, 9899, kBin);
  EXPECT_EQ(histogram.percentile_range(100), histogram.min_max());
}

TEST(ActivationHistogram, TakesTheLargestFloats) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  ActivationHistogram histogram;
  histogram.add(std::array{kLargest, -kLargest, 1.0F});
  EXPECT_EQ(histogram.min_max(), std::pair(-kLargest, kLargest));
  const auto [low, high] = histogram.percentile_range(99.99);
  EXPECT_TRUE(std::isfinite(low) && std::isfinite(high)) << low << " " << high;
  EXPECT_LT(low, 0);
  EXPECT_GT(high, 0);
}

TEST(WithoutNorms, ComputesTheSameWithoutThem) {
  const OnnxModel model = small_network();
  const OnnxModel folded = without_norms(model);
  EXPECT_EQ(folded.nodes.size(), model.nodes.size() - 1);
  for (const OnnxTensor& tensor : folded.tensors) EXPECT_FALSE(tensor.name.starts_with("bn.")) << tensor.name;
  const torch::Tensor images = some_images();
  EXPECT_TRUE(logits_of(folded, images).allclose(logits_of(model, images), 1e-5, 1e-5));
}

TEST(Quantised, DecidesNearlyAsTheModel) {
  const OnnxModel model = small_network();
  const torch::Tensor images = some_images();
  const torch::Tensor expected = logits_of(model, images);
  for (const CalibrationMethod calibration : {CalibrationMethod::kMinMax, CalibrationMethod::kPercentile}) {
    const QuantizeOptions options{.calibration = calibration};
    const OnnxModel quantised = exporting::quantised(model, histograms_of(model, images, options), options);
    EXPECT_NO_THROW(check_onnx(quantised));
    const torch::Tensor difference = (logits_of(quantised, images) - expected).abs();
    const double range = (expected.max() - expected.min()).item<double>();
    EXPECT_LT(difference.max().item<double>(), 0.02 * range);
    EXPECT_GT(difference.max().item<double>(), 0) << "nothing is quantised";
  }
}

TEST(Quantised, HasIntegersWithOneScaleAChannel) {
  const OnnxModel model = small_network();
  const QuantizeOptions options;
  const OnnxModel quantised = exporting::quantised(model, histograms_of(model, some_images(), options), options);
  const OnnxTensor& weight = tensor_of(quantised, "conv2.weight/quantised");
  EXPECT_EQ(weight.type, OnnxType::kInt8);
  EXPECT_EQ(weight.shape, tensor_of(model, "conv2.weight").shape);
  EXPECT_EQ(largest_byte(weight), 127);
  EXPECT_EQ(tensor_of(quantised, "conv2.weight/scale").shape, std::vector<std::int64_t>{4});
  EXPECT_EQ(tensor_of(quantised, "conv2.bias/quantised").type, OnnxType::kInt32);
  EXPECT_EQ(tensor_of(quantised, "fc.weight").type, OnnxType::kFloat) << "the last layer is spared";
  EXPECT_THROW(tensor_of(quantised, "conv2.weight"), std::invalid_argument) << "floats that nobody reads";
}

TEST(Quantised, KeepsTheBiasOfAChannelWhoseWeightsAreNextToNothing) {
  OnnxModel model = small_network();
  for (const float size : {1e-12F, 1e-38F, 1e-45F}) {
    for (OnnxTensor& tensor : model.tensors) {
      if (tensor.name != "conv2.weight") continue;
      std::vector<float> weights = randoms(16);
      for (std::size_t i = 4; i < 8; ++i) weights[i] = size;
      tensor = onnx_floats("conv2.weight", {4, 4, 1, 1}, weights);
    }
    for (OnnxTensor& tensor : model.tensors) {
      if (tensor.name == "conv2.bias") tensor = onnx_floats("conv2.bias", {4}, std::array{.5F, 2.F, .5F, .5F});
    }
    const torch::Tensor images = some_images();
    const QuantizeOptions options;
    const torch::Tensor expected = logits_of(model, images);
    const OnnxModel quantised = exporting::quantised(model, histograms_of(model, images, options), options);
    const double range = (expected.max() - expected.min()).item<double>();
    EXPECT_LT((logits_of(quantised, images) - expected).abs().max().item<double>(), .05 * range) << size;
  }
}

TEST(Quantised, SparesTheLayersThatItIsToldTo) {
  const OnnxModel model = small_network();
  const auto values = [&](const QuantizeOptions& options) { return values_to_quantise(model, options); };
  EXPECT_EQ(values({}), (Names{"images", "r1", "r2", "mean", "features"}));
  EXPECT_EQ(values({.quantise_first = false}), (Names{"r1", "r2", "mean", "features"}));
}

TEST(Quantised, LeavesABitUnusedWhereSumsWouldSaturate) {
  const OnnxModel model = small_network();
  const QuantizeOptions options{.weight_bits = 7, .quantise_last = true};
  const OnnxModel quantised = exporting::quantised(model, histograms_of(model, some_images(), options), options);
  EXPECT_EQ(largest_byte(tensor_of(quantised, "conv2.weight/quantised")), 63);
  EXPECT_EQ(largest_byte(tensor_of(quantised, "fc.weight/quantised")), 63);
}

TEST(Quantised, PutsZeroAtAWholeStep) {
  const OnnxModel model = small_network();
  const QuantizeOptions options{.calibration = CalibrationMethod::kMinMax};
  ActivationHistograms histograms = histograms_of(model, some_images(), options);
  histograms["images"] = ActivationHistogram();
  histograms["images"].add(std::array{-1.0F, 3.0F});
  const OnnxModel quantised = exporting::quantised(model, histograms, options);
  EXPECT_FLOAT_EQ(floats_of(tensor_of(quantised, "images/scale")).at(0), 4.0F / 255);
  EXPECT_EQ(tensor_of(quantised, "images/zero_point").elements(), "\x40");  // round(255 / 4) = 64
}

TEST(Quantised, RefusesWhatItCannotDo) {
  const OnnxModel model = small_network();
  EXPECT_THROW(exporting::quantised(model, {}, {}), std::invalid_argument);
  EXPECT_THROW(exporting::quantised(model, {}, {.weight_bits = 6}), std::invalid_argument);
  OnnxModel one_layer = model;
  one_layer.nodes = {node("Flatten", {"images"}, "features"), model.nodes.back()};
  EXPECT_THROW(exporting::quantised(one_layer, {}, {}), core::Error);
}

}  // namespace
}  // namespace margay::exporting
