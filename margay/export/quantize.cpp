#include "margay/export/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/export/onnx_names.h"

namespace margay::exporting {
namespace {

std::int64_t integer_attribute(const OnnxNode& node, const std::string& name, std::int64_t otherwise) {
  for (const OnnxAttribute& each : node.attributes) {
    if (each.name == name) return std::get<std::int64_t>(each.value);
  }
  return otherwise;
}

float float_attribute(const OnnxNode& node, const std::string& name, float otherwise) {
  for (const OnnxAttribute& each : node.attributes) {
    if (each.name == name) return std::get<float>(each.value);
  }
  return otherwise;
}

/// Who makes and who takes which value of a model.
class OnnxLinks {
 public:
  explicit OnnxLinks(const OnnxModel& model) : model_(model) {
    for (std::size_t i = 0; i < model.tensors.size(); ++i) constants_[model.tensors[i].name] = i;
    for (std::size_t i = 0; i < model.nodes.size(); ++i) {
      for (const std::string& output : model.nodes[i].outputs) makers_[output] = i;
      for (const std::string& input : model.nodes[i].inputs) takers_[input].push_back(i);
    }
    for (const OnnxValue& output : model.outputs) outputs_.insert(output.name);
  }

  /// Null for a value that is no float constant.
  const OnnxTensor* constant(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found == constants_.end() || model_.tensors[found->second].type != OnnxType::kFloat) return nullptr;
    return &model_.tensors[found->second];
  }
  std::optional<std::size_t> maker(const std::string& value) const {
    const auto found = makers_.find(value);
    return found == makers_.end() ? std::nullopt : std::optional(found->second);
  }
  /// The one node that takes a value which is no output of the model.
  const OnnxNode* only_taker(const std::string& value) const {
    const auto found = takers_.find(value);
    if (outputs_.contains(value) || found == takers_.end() || found->second.size() != 1) return nullptr;
    return &model_.nodes[found->second.front()];
  }
  /// The nodes that a value is computed from, by their places.
  std::set<std::size_t> needed_for(const std::string& value) const {
    std::set<std::size_t> needed;
    std::vector<std::string> left = {value};
    while (!left.empty()) {
      const auto node = maker(left.back());
      left.pop_back();
      if (!node || !needed.insert(*node).second) continue;
      const auto& inputs = model_.nodes[*node].inputs;
      left.insert(left.end(), inputs.begin(), inputs.end());
    }
    return needed;
  }

 private:
  const OnnxModel& model_;
  std::map<std::string, std::size_t> constants_;
  std::map<std::string, std::size_t> makers_;
  std::map<std::string, std::vector<std::size_t>> takers_;
  std::set<std::string> outputs_;
};

/// Constants that no node takes, and that are no output, go.
void remove_unused_constants(OnnxModel& model) {
  std::set<std::string> used;
  for (const OnnxNode& node : model.nodes) used.insert(node.inputs.begin(), node.inputs.end());
  std::erase_if(model.tensors, [&](const OnnxTensor& tensor) { return !used.contains(tensor.name); });
}

/// A convolution with the batch norm behind it: w γ / √(σ² + ε) and (b - μ) γ / √(σ² + ε) + β, as
/// model::fold_batch_norms.
void fold_norm(OnnxModel& model, const OnnxLinks& links, OnnxNode& conv, const OnnxNode& norm) {
  const OnnxTensor& kernel = *links.constant(conv.inputs[1]);
  std::vector<float> weights = floats_of(kernel);
  const auto channels = static_cast<std::size_t>(kernel.shape[0]);
  const bool has_bias = conv.inputs.size() > 2 && !conv.inputs[2].empty();
  std::vector<float> biases = has_bias ? floats_of(*links.constant(conv.inputs[2])) : std::vector<float>(channels, 0.F);
  const std::vector<float> gamma = floats_of(*links.constant(norm.inputs[1]));
  const std::vector<float> beta = floats_of(*links.constant(norm.inputs[2]));
  const std::vector<float> mean = floats_of(*links.constant(norm.inputs[3]));
  const std::vector<float> variance = floats_of(*links.constant(norm.inputs[4]));
  const double eps = float_attribute(norm, "epsilon", 1e-5F);
  const std::size_t each = weights.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const double factor = gamma[c] / std::sqrt(variance[c] + eps);
    for (std::size_t i = 0; i < each; ++i) {
      weights[c * each + i] = static_cast<float>(weights[c * each + i] * factor);
    }
    biases[c] = static_cast<float>((static_cast<double>(biases[c]) - mean[c]) * factor + beta[c]);
  }
  const std::string weight_name = kernel.name + "/folded";
  const std::string bias_name = kernel.name + "/folded_bias";
  model.tensors.push_back(onnx_floats(weight_name, kernel.shape, weights));
  model.tensors.push_back(onnx_floats(bias_name, {kernel.shape[0]}, biases));
  conv.inputs = {conv.inputs[0], weight_name, bias_name};
  conv.outputs = norm.outputs;
}

/// What is computed in integers: nodes by their names, and the values between them.
struct QuantisationPlan {
  std::set<std::string> layers;
  std::vector<std::string> values;  ///< each once, in the order of the nodes
};

/// The dimension of a layer's output channels in its weight; nothing for a node that is no layer.
std::optional<std::int64_t> channel_axis(const OnnxNode& node, const OnnxLinks& links) {
  if (node.inputs.size() < 2 || links.constant(node.inputs[1]) == nullptr) return std::nullopt;
  if (node.op == "Conv") return 0;
  if (node.op == "Gemm") return integer_attribute(node, "transB", 0) != 0 ? 0 : 1;
  if (node.op == "MatMul" && links.constant(node.inputs[1])->shape.size() == 2) return 1;
  return std::nullopt;
}

class Planner {
 public:
  Planner(const OnnxModel& model, const QuantizeOptions& options)
      : model_(model), options_(options), links_(model), network_(links_.needed_for(kLogitsOutput)) {}

  QuantisationPlan plan() {
    choose_layers();
    for (const std::size_t i : network_) visit(model_.nodes[i]);
    return std::move(plan_);
  }

 private:
  void choose_layers() {
    std::vector<const OnnxNode*> layers;
    for (const std::size_t i : network_) {
      if (channel_axis(model_.nodes[i], links_)) layers.push_back(&model_.nodes[i]);
    }
    if (!layers.empty() && !options_.quantise_last) layers.pop_back();
    if (!layers.empty() && !options_.quantise_first) layers.erase(layers.begin());
    for (const OnnxNode* layer : layers) plan_.layers.insert(layer->name);
  }

  /// The value behind the clipping that is computed with the node, as its integers end at 0 anyway.
  std::string result_of(const OnnxNode& node) const {
    const OnnxNode* taker = links_.only_taker(node.outputs[0]);
    const bool is_clipped = taker != nullptr && (taker->op == "Relu" || taker->op == "Clip");
    return is_clipped ? taker->outputs[0] : node.outputs[0];
  }

  void take(const std::string& value) {
    if (taken_.insert(value).second) plan_.values.push_back(value);
  }

  void visit(const OnnxNode& node) {
    static const std::set<std::string> between = {"Add",    "MaxPool", "AveragePool", "GlobalAveragePool",
                                                  "Concat", "Flatten"};
    if (plan_.layers.contains(node.name)) {
      take(node.inputs[0]);
      const std::string result = result_of(node);
      integers_.insert(result);
      if (node.op == "Conv") take(result);
    } else if (between.contains(node.op) && std::all_of(node.inputs.begin(), node.inputs.end(),
                                                        [&](const auto& input) { return integers_.contains(input); })) {
      for (const std::string& input : node.inputs) take(input);
      const std::string result = result_of(node);
      integers_.insert(result);
      take(result);
    }
  }

  const OnnxModel& model_;
  const QuantizeOptions& options_;
  OnnxLinks links_;
  std::set<std::size_t> network_;  ///< what the logits are computed from; no pixels' graph holds a layer
  QuantisationPlan plan_;
  std::set<std::string> taken_;
  std::set<std::string> integers_;  ///< values that can be had as integers
};

/// S and Z of an activation.
struct ActivationScale {
  float scale = 1;
  std::uint8_t zero_point = 0;
};

ActivationScale activation_scale(std::pair<float, float> range) {
  const double low = std::min<double>(0, range.first);
  const double high = std::max<double>(0, range.second);
  const double scale = high > low ? (high - low) / 255 : 1;
  return {static_cast<float>(scale), static_cast<std::uint8_t>(std::clamp(std::round(-low / scale), 0.0, 255.0))};
}

class Quantiser {
 public:
  Quantiser(OnnxModel model, const ActivationHistograms& histograms, const QuantizeOptions& options)
      : model_(std::move(model)), histograms_(histograms), options_(options), links_(model_) {}

  OnnxModel run() {
    const QuantisationPlan plan = Planner(model_, options_).plan();
    if (plan.layers.empty()) {
      throw core::Error("[quantize] the network has no layer to quantise besides those that are spared");
    }
    for (const std::string& value : plan.values) scales_[value] = scale_of(value);
    for (const OnnxValue& input : model_.inputs) put_pair(input.name);
    for (const OnnxNode& node : model_.nodes) {
      result_.nodes.push_back(plan.layers.contains(node.name) ? layer(node) : with_pairs(node));
      for (const std::string& output : node.outputs) put_pair(output);
    }
    return finished();
  }

 private:
  ActivationScale scale_of(const std::string& value) const {
    const auto found = histograms_.find(value);
    if (found == histograms_.end()) throw std::invalid_argument("[quantize] there is no histogram of " + value);
    const ActivationHistogram& histogram = found->second;
    return activation_scale(options_.calibration == CalibrationMethod::kMinMax
                                ? histogram.min_max()
                                : histogram.percentile_range(options_.percentile));
  }

  static std::string pair_name(const std::string& value) { return value + "/dequantised"; }

  /// QuantizeLinear and DequantizeLinear behind a value that becomes integers.
  void put_pair(const std::string& value) {
    const auto found = scales_.find(value);
    if (found == scales_.end()) return;
    const float scale = found->second.scale;
    const std::uint8_t zero_point = found->second.zero_point;
    const std::string scale_name = value + "/scale";
    const std::string zero_name = value + "/zero_point";
    result_.tensors.push_back(onnx_floats(scale_name, {}, std::array{scale}));
    result_.tensors.push_back(onnx_constant(zero_name, OnnxType::kUint8, {}, std::as_bytes(std::span(&zero_point, 1))));
    const std::string integers = value + "/quantised";
    put_node("QuantizeLinear", {value, scale_name, zero_name}, integers);
    put_node("DequantizeLinear", {integers, scale_name, zero_name}, pair_name(value));
  }

  void put_node(const char* op, std::vector<std::string> inputs, const std::string& output,
                std::vector<OnnxAttribute> attributes = {}) {
    result_.nodes.push_back({.op = op,
                             .name = output,
                             .inputs = std::move(inputs),
                             .outputs = {output},
                             .attributes = std::move(attributes)});
  }

  OnnxNode with_pairs(OnnxNode node) const {
    for (std::string& input : node.inputs) {
      if (scales_.contains(input)) input = pair_name(input);
    }
    return node;
  }

  OnnxNode layer(const OnnxNode& node) {
    const std::vector<float> scales = put_weight(node);
    OnnxNode result = with_pairs(node);
    result.inputs[1] = pair_name(node.inputs[1]);
    if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
      put_bias(node.inputs[2], scales, scales_.at(node.inputs[0]).scale);
      result.inputs[2] = pair_name(node.inputs[2]);
    }
    return result;
  }

  /// The scales of its channels. A weight that several layers share is stored once.
  std::vector<float> put_weight(const OnnxNode& node) {
    const OnnxTensor& weight = *links_.constant(node.inputs[1]);
    if (const auto found = weight_scales_.find(weight.name); found != weight_scales_.end()) return found->second;
    const auto axis = *channel_axis(node, links_);
    const std::vector<float> values = floats_of(weight);
    const auto channels = static_cast<std::size_t>(weight.shape[static_cast<std::size_t>(axis)]);
    const std::size_t each = values.size() / channels;
    const auto channel_of = [&](std::size_t i) { return axis == 0 ? i / each : i % channels; };
    std::vector<float> scales(channels, 0.F);
    for (std::size_t i = 0; i < values.size(); ++i) {
      scales[channel_of(i)] = std::max(scales[channel_of(i)], std::abs(values[i]));
    }
    const float most = options_.weight_bits == 7 ? 63.F : 127.F;
    const std::vector<float> least = least_scales(node, channels);
    for (std::size_t c = 0; c < channels; ++c) scales[c] = scales[c] > 0 ? std::max(scales[c] / most, least[c]) : 1.F;
    std::vector<std::int8_t> integers(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      integers[i] =
          static_cast<std::int8_t>(std::clamp(std::nearbyint(values[i] / scales[channel_of(i)]), -most, most));
    }
    put_constant(
        weight.name,
        onnx_constant(weight.name + "/quantised", OnnxType::kInt8, weight.shape, std::as_bytes(std::span(integers))),
        scales, axis);
    return weight_scales_[weight.name] = scales;
  }

  /// A bias is stored in steps of its channel's scale times the input's, of which an int32 holds 2³¹. Weights that are
  /// next to nothing take a coarser scale, so that the bias beside them is kept; they are 0 then.
  std::vector<float> least_scales(const OnnxNode& node, std::size_t channels) const {
    constexpr double kMostSteps = 1 << 30;
    const double activation = scales_.at(node.inputs[0]).scale;
    const double normal = std::numeric_limits<float>::min() / std::min(activation, 1.0);
    std::vector<float> least(channels, static_cast<float>(normal));
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return least;
    const std::vector<float> biases = floats_of(*links_.constant(node.inputs[2]));
    for (std::size_t c = 0; c < std::min(channels, biases.size()); ++c) {
      least[c] = static_cast<float>(std::max(normal, std::abs(biases[c]) / (activation * kMostSteps)));
    }
    return least;
  }

  void put_bias(const std::string& name, const std::vector<float>& weight_scales, float activation) {
    const OnnxTensor& bias = *links_.constant(name);
    const std::vector<float> values = floats_of(bias);
    std::vector<float> scales(values.size());
    std::vector<std::int32_t> integers(values.size());
    for (std::size_t c = 0; c < values.size(); ++c) {
      scales[c] = weight_scales[c] * activation;
      const double steps = std::nearbyint(static_cast<double>(values[c]) / static_cast<double>(scales[c]));
      constexpr double kMost = std::numeric_limits<std::int32_t>::max();
      integers[c] = static_cast<std::int32_t>(std::clamp(steps, -kMost, kMost));
    }
    put_constant(name,
                 onnx_constant(name + "/quantised", OnnxType::kInt32, bias.shape, std::as_bytes(std::span(integers))),
                 scales, 0);
  }

  /// A constant in integers, and the node that makes it float again. Only weights say their zero point, which is 0.
  void put_constant(const std::string& name, OnnxTensor integers, const std::vector<float>& scales, std::int64_t axis) {
    const auto channels = static_cast<std::int64_t>(scales.size());
    std::vector<std::string> inputs = {integers.name, name + "/scale"};
    result_.tensors.push_back(onnx_floats(inputs.back(), {channels}, scales));
    if (integers.type == OnnxType::kInt8) {
      inputs.push_back(name + "/zero_point");
      const std::vector<std::int8_t> zeros(scales.size(), 0);
      result_.tensors.push_back(
          onnx_constant(inputs.back(), OnnxType::kInt8, {channels}, std::as_bytes(std::span(zeros))));
    }
    result_.tensors.push_back(std::move(integers));
    put_node("DequantizeLinear", std::move(inputs), pair_name(name), {{"axis", axis}});
  }

  OnnxModel finished() {
    OnnxModel model = model_;
    model.nodes = std::move(result_.nodes);
    model.tensors.insert(model.tensors.end(), result_.tensors.begin(), result_.tensors.end());
    remove_unused_constants(model);
    return model;
  }

  OnnxModel model_;
  const ActivationHistograms& histograms_;
  const QuantizeOptions& options_;
  OnnxLinks links_;
  std::map<std::string, ActivationScale> scales_;  ///< of values that become integers
  std::map<std::string, std::vector<float>> weight_scales_;
  OnnxModel result_;  ///< nodes and new constants
};

}  // namespace

void ActivationHistogram::widen_to(float largest) {
  constexpr float kWidest = std::numeric_limits<float>::max() / 2;
  while (largest >= reach_ && reach_ < kWidest) {
    std::vector<std::int64_t> wider(kBins, 0);
    for (std::size_t i = 0; i < kBins; ++i) wider[kBins / 4 + i / 2] += bins_[i];
    bins_ = std::move(wider);
    reach_ *= 2;
  }
}

void ActivationHistogram::add(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  widen_to(largest);
  const float bins_per_unit = static_cast<float>(kBins) / 2 / reach_;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const float at = std::floor((value + reach_) * bins_per_unit);
    ++bins_[static_cast<std::size_t>(std::clamp(at, 0.F, static_cast<float>(kBins - 1)))];
    low_ = count_ == 0 ? value : std::min(low_, value);
    high_ = count_ == 0 ? value : std::max(high_, value);
    ++count_;
  }
}

std::pair<float, float> ActivationHistogram::percentile_range(double percentile) const {
  const double left_out = static_cast<double>(count_) * (100 - percentile) / 100;
  const float width = bin_width();
  std::size_t first = 0;
  for (double below = 0; first < kBins; ++first) {
    below += static_cast<double>(bins_[first]);
    if (below > left_out) break;
  }
  std::size_t last = kBins;
  for (double above = 0; last > 0; --last) {
    above += static_cast<double>(bins_[last - 1]);
    if (above > left_out) break;
  }
  const auto [low, high] = min_max();
  return {std::max(low, static_cast<float>(first) * width - reach_),
          std::min(high, static_cast<float>(last) * width - reach_)};
}

OnnxModel without_norms(const OnnxModel& model) {
  const OnnxLinks links(model);
  OnnxModel folded = model;
  std::set<std::string> gone;
  for (OnnxNode& node : folded.nodes) {
    if (node.op != "Conv" || links.constant(node.inputs[1]) == nullptr) continue;
    const OnnxNode* norm = links.only_taker(node.outputs[0]);
    if (norm == nullptr || norm->op != "BatchNormalization") continue;
    gone.insert(norm->name);
    fold_norm(folded, links, node, *norm);
  }
  std::erase_if(folded.nodes, [&](const OnnxNode& node) { return gone.contains(node.name); });
  remove_unused_constants(folded);
  return folded;
}

std::vector<std::string> values_to_quantise(const OnnxModel& model, const QuantizeOptions& options) {
  const OnnxModel folded = without_norms(model);
  return Planner(folded, options).plan().values;
}

OnnxModel with_outputs(OnnxModel model, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    const auto is_it = [&](const OnnxValue& each) { return each.name == value; };
    if (std::any_of(model.inputs.begin(), model.inputs.end(), is_it)) continue;
    if (std::any_of(model.outputs.begin(), model.outputs.end(), is_it)) continue;
    model.outputs.push_back({.name = value, .type = OnnxType::kFloat, .shape = {}});
  }
  return model;
}

OnnxModel quantised(const OnnxModel& model, const ActivationHistograms& histograms, const QuantizeOptions& options) {
  core::validate(options);
  return Quantiser(without_norms(model), histograms, options).run();
}

const core::OptionTable& QuantizeOptions::fields() {
  using O = QuantizeOptions;
  static const core::OptionTable table(
      "quantize",
      {core::field<&O::calibration>("calibration", "what range of an activation int8 holds: percentile or min_max"),
       core::field<&O::percentile>("percentile", "share of the values within that range on either side, percent",
                                   {90, 100}),
       core::field<&O::weight_bits>("weight_bits", "8, or 7 for x86 processors without VNNI, whose sums saturate",
                                    {7, 8}),
       core::field<&O::quantise_first>("quantise_first", "the first layer, which sees the image"),
       core::field<&O::quantise_last>("quantise_last", "the last layer, whose outputs are the logits")});
  return table;
}

}  // namespace margay::exporting
