#include "margay/export/export_bundle.h"

#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/export/onnx_builder.h"
#include "margay/export/onnx_graph.h"
#include "margay/export/onnx_names.h"
#include "margay/export/pixel_graph.h"
#include "margay/export/unknown_graph.h"
#include "margay/model/graph/graph.h"

namespace margay::exporting {
namespace {

using OnnxJson = nlohmann::ordered_json;

constexpr const char* kBatch = "N";
constexpr int kFirstOpset = 17;   // LayerNormalization
constexpr int kPixelsOpset = 18;  // that the resizing is tested with
constexpr std::int64_t kColours = 3;

OnnxValue pixel_input() {
  return {.name = kPixelsInput,
          .type = OnnxType::kUint8,
          .shape = {kBatch, "H", "W", kColours},
          .denotation = "IMAGE",
          .dimension_denotations = {"DATA_BATCH", "DATA_FEATURE", "DATA_FEATURE", "DATA_CHANNEL"}};
}

OnnxValue tensor_input(const bundle::Bundle& bundle) {
  const std::int64_t side = bundle.transforms.augment.size;
  return {.name = kTensorInput,
          .type = OnnxType::kFloat,
          .shape = {kBatch, bundle.classifier->options().in_channels, side, side}};
}

std::string json_text(const auto& values) {
  return OnnxJson(values).dump(-1, ' ', false, OnnxJson::error_handler_t::replace);
}

std::string licence_of(const bundle::Bundle& bundle, const OnnxOptions& options) {
  if (!options.licence.empty()) return options.licence;
  const auto found = bundle.provenance.find("licence");
  return found != bundle.provenance.end() && found->is_string() ? found->get<std::string>() : "";
}

void append_metadata(OnnxModel& model, const bundle::Bundle& bundle, const OnnxOptions& options,
                     const OnnxSource& source) {
  const auto add = [&](const std::string& key, std::string value) {
    if (!value.empty()) model.metadata.emplace_back(key, std::move(value));
  };
  const data::Transforms& transforms = bundle.transforms;
  add(kClassesKey, json_text(bundle.vocabulary.names()));
  add("margay.task", core::to_text(bundle.task));
  add("margay.architecture", bundle.classifier->options().architecture);
  add("margay.input", core::to_text(options.input));
  add("margay.image_size", fmt::format("{}", transforms.augment.size));
  add("margay.mean", json_text(transforms.normalization.mean));
  add("margay.std", json_text(transforms.normalization.std));
  add("margay.resize", core::to_json(transforms.resize).dump());
  add("margay.deep_bits", fmt::format("{}", transforms.deep_bits));
  add("margay.temperature", fmt::format("{}", bundle.calibration.temperature));
  if (bundle.unknown) add("margay.alpha", fmt::format("{}", bundle.unknown->alpha()));
  add("margay.licence", licence_of(bundle, options));
  add("margay.source", core::valid_utf8(source.name));
  add(kSourceKey, source.sha256);
  model.metadata.emplace_back(kSealKey, "");
  if (options.input == OnnxInput::kTensor) return;
  add("Image.BitmapPixelFormat", "Rgb8");
  add("Image.ColorSpaceGamma", "SRGB");
  add("Image.NominalPixelRange", "NominalRange_0_255");
}

/// The value under the name of an output.
void add_output(OnnxBuilder& onnx, const std::string& name, const std::string& value,
                std::vector<OnnxDimension> shape) {
  const std::string output = value == name ? name : onnx.add("Identity", {value}, name);
  MARGAY_CHECK(output == name, "another value is called " + name);
  onnx.model().outputs.push_back({.name = name, .type = OnnxType::kFloat, .shape = std::move(shape)});
}

std::string probabilities_of(OnnxBuilder& onnx, const bundle::Bundle& bundle, const std::string& logits) {
  const double temperature = bundle.calibration.temperature;
  const std::string scaled =
      temperature == 1 ? logits
                       : onnx.add("Div", {logits, onnx.number(static_cast<float>(temperature))}, "logits/calibrated");
  if (bundle.task == data::Task::kMultiLabel) return onnx.add("Sigmoid", {scaled}, kProbabilitiesOutput);
  return onnx.add("Softmax", {scaled}, kProbabilitiesOutput, {{"axis", std::int64_t{1}}});
}

/// float [N,D], the mean over all places.
std::string pooled(OnnxBuilder& onnx, const model::Graph& graph, const std::string& features) {
  const model::Shape& shape = graph.shape(graph.features);
  const bool is_map = shape.size() == 4 && (shape[2] != 1 || shape[3] != 1);
  const std::string means = is_map ? onnx.add("GlobalAveragePool", {features}, "features/mean") : features;
  return shape.size() == 4 ? onnx.add("Flatten", {means}, "features", {{"axis", std::int64_t{1}}}) : means;
}

}  // namespace

void check_onnx_options(const bundle::Bundle& bundle, const OnnxOptions& options) {
  core::validate(options);
  const bool has_pixels = options.input == OnnxInput::kPixels;
  if (has_pixels && options.opset < kPixelsOpset) {
    throw std::invalid_argument(fmt::format(
        "[export] `opset` {} is for `input` tensor, which resizes nothing: from pixels take 18", options.opset));
  }
  if (!has_pixels) return;
  const std::int64_t channels = bundle.classifier->options().in_channels;
  if (channels != kColours) {
    throw core::Error(fmt::format(
        "[export] the network takes images of {} channels, pixels have 3: export it with `input` tensor", channels));
  }
  check_expressible(bundle.transforms);
}

OnnxModel onnx_of(const bundle::Bundle& bundle, const OnnxOptions& options, const OnnxSource& source) {
  check_onnx_options(bundle, options);
  const model::Graph graph = model::describe(*bundle.classifier, bundle.transforms.augment.size);
  OnnxBuilder onnx(options.opset);
  const bool has_pixels = options.input == OnnxInput::kPixels;
  const OnnxValue input = has_pixels ? pixel_input() : tensor_input(bundle);
  onnx.model().inputs.push_back(input);
  const std::string images = has_pixels ? add_pixels(onnx, bundle.transforms, input.name) : input.name;
  const NetworkValues network = add_network(onnx, graph, images);
  const std::int64_t classes = bundle.classifier->num_classes();
  add_output(onnx, kLogitsOutput, network.logits, {kBatch, classes});
  add_output(onnx, kProbabilitiesOutput, probabilities_of(onnx, bundle, kLogitsOutput), {kBatch, classes});
  if (bundle.unknown) {
    const UnknownValues unknown =
        add_unknown(onnx, *bundle.unknown, {kLogitsOutput, pooled(onnx, graph, network.features), classes});
    add_output(onnx, kUnknownScoreOutput, unknown.score, {kBatch});
    add_output(onnx, kKnownOutput, unknown.p_known, {kBatch});
  }
  onnx.model().producer = kOnnxProducer;
  onnx.model().producer_version = MARGAY_VERSION;
  append_metadata(onnx.model(), bundle, options, source);
  return onnx.take();
}

const core::OptionTable& OnnxOptions::fields() {
  using O = OnnxOptions;
  static const core::OptionTable table(
      "onnx",
      {core::field<&O::input>("input",
                              "pixels: uint8 images of any size, everything from resizing on is in the file; tensor: "
                              "the network alone, for images that are resized and normalised already"),
       core::field<&O::opset>("opset", "version of ONNX's operators; 17 only with tensor", {kFirstOpset, kPixelsOpset}),
       core::field<&O::licence>("licence", "of the model, for its metadata: a name of spdx.org such as apache-2.0")});
  return table;
}

}  // namespace margay::exporting
