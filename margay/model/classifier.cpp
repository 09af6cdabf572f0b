#include "margay/model/classifier.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <ATen/ops/empty_like.h>
#include <c10/core/MemoryFormat.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/modules/batchnorm.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/network_draws.h"
#include "margay/model/torch_errors.h"
#include "margay/model/weights/naming.h"

namespace margay::model {
namespace {

bool is_batch_norm(const torch::nn::Module& module) {
  return module.as<torch::nn::BatchNorm1d>() != nullptr || module.as<torch::nn::BatchNorm2d>() != nullptr ||
         module.as<torch::nn::BatchNorm3d>() != nullptr;
}

/// Weight decay is for what multiplies the features of one layer into the next. Not for biases, norms, scales (of one
/// side), tokens, positions and tables of biases (not called a weight): as timm's param_groups_weight_decay.
bool is_decayed(const std::string& name, const torch::Tensor& tensor) {
  return name.ends_with("weight") && tensor.dim() > 1;
}

void append_own(std::vector<NamedParameter>& parameters, const std::string& prefix, const torch::nn::Module& module) {
  const bool is_norm = is_batch_norm(module);
  for (const auto& own : module.named_parameters(/*recurse=*/false)) {
    parameters.push_back({prefix + own.key(), own.value(), !is_decayed(own.key(), own.value()), is_norm});
  }
}

}  // namespace

std::vector<NamedParameter> classify_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> parameters;
  append_own(parameters, "", module);
  for (const auto& each : module.named_modules("", /*include_self=*/false)) {
    append_own(parameters, each.key() + ".", *each.value());
  }
  return parameters;
}

namespace {

constexpr const char* kBackbone = "backbone";
constexpr const char* kHead = "head";

/// The layout in which oneDNN and cuDNN convolve fastest. Copying values in or moving devices keeps it.
void make_channels_last(torch::nn::Module& module) {
  const bool is_empty = WithoutDraws::is_here();
  for (torch::Tensor& each : module.parameters()) {
    if (each.dim() != 4) continue;
    each.set_data(is_empty ? at::empty_like(each, at::MemoryFormat::ChannelsLast)
                           : each.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

void check_images(const torch::Tensor& images, std::int64_t channels) {
  if (images.dim() == 4 && images.size(1) == channels && images.is_floating_point()) return;
  throw std::invalid_argument(fmt::format("[Classifier] images must be float [N,{},H,W], got {} {}", channels,
                                          c10::toString(images.scalar_type()), images.sizes().vec()));
}

/// "backbone.layer1.0.conv1.weight" belongs to the child "layer1" of "backbone"; "backbone.cls_token" is its own.
bool is_early(const std::string& name, const std::vector<std::string>& children) {
  const std::string path = name.substr(std::strlen(kBackbone) + 1);
  if (path.find('.') == std::string::npos) return true;
  return std::any_of(children.begin(), children.end(),
                     [&](const std::string& child) { return path.rfind(child + ".", 0) == 0; });
}

}  // namespace

Classifier::Classifier(const ClassifierOptions& options) : options_(options) {
  core::validate(options);
  const Architecture& architecture = find_architecture(options.architecture);
  check_arithmetic(architecture, options.arithmetic);
  options_.architecture = architecture.name;
  backbone_ = architecture.build(
      {.in_channels = options.in_channels, .image_px = image_px(), .arithmetic = options.arithmetic});
  head_ = make_head(*backbone_, options.num_classes, options.head);
  register_module(kBackbone, backbone_);
  register_module(kHead, head_);
  make_channels_last(*this);
}

torch::Tensor Classifier::forward(const torch::Tensor& images) { return classify(extract(images)); }

torch::Tensor Classifier::extract(const torch::Tensor& images) {
  check_images(images, options_.in_channels);
  return backbone_->forward(images.contiguous(at::MemoryFormat::ChannelsLast));
}

torch::Tensor Classifier::classify(const torch::Tensor& features) { return head_->forward(features); }

ValueId Classifier::describe(GraphBuilder& graph, ValueId images) {
  const ValueId features = graph.layer(images, *backbone_);
  graph.mark_features(features);
  return graph.layer(features, *head_);
}

Graph describe(Classifier& classifier, std::int64_t image_px) {
  GraphBuilder builder(classifier, {kAnySize, classifier.options().in_channels, image_px, image_px});
  return builder.finish(builder.layer(builder.images(), classifier));
}

Graph describe(Classifier& classifier) { return describe(classifier, classifier.image_px()); }

std::int64_t Classifier::image_px() const {
  return options_.image_px.value_or(find_architecture(options_.architecture).input_px);
}

torch::Device Classifier::device() const { return head_->parameters().front().device(); }

std::vector<ParameterGroup> Classifier::parameter_groups() const {
  std::vector<ParameterGroup> groups{{"body-early", {}}, {"body-late", {}}, {"head", {}}};
  const std::vector<std::string> early = backbone_->early_children();
  for (NamedParameter& each : classify_parameters(*this)) {
    const bool is_head = each.name.rfind(kHead, 0) == 0;
    const std::size_t group = is_head ? kHeadGroup : is_early(each.name, early) ? 0 : 1;
    groups[group].parameters.push_back(std::move(each));
  }
  return groups;
}

void Classifier::freeze_to(int group) {
  if (group < 0 || group > kHeadGroup) {
    throw std::invalid_argument(fmt::format("[freeze_to] group must lie in [0, {}], got {}", kHeadGroup, group));
  }
  int index = 0;
  for (ParameterGroup& each : parameter_groups()) {
    for (NamedParameter& parameter : each.parameters) {
      const bool is_trained = index >= group || parameter.is_norm;
      parameter.tensor.set_requires_grad(is_trained);
      if (!is_trained) parameter.tensor.mutable_grad() = torch::Tensor();  // an old one must not move it
    }
    ++index;
  }
}

TensorMap Classifier::state() const { return state_of(*this); }

void Classifier::check_state(const TensorMap& state, const std::filesystem::path& source) const {
  const StateMismatch mismatch = compare_states(this->state(), state);
  if (mismatch.empty()) return;
  throw core::FormatError(source, fmt::format("does not hold the weights of {} with {} classes: {}",
                                              options_.architecture, options_.num_classes, mismatch.text()));
}

void Classifier::load_state(const TensorMap& state, const std::filesystem::path& source) {
  check_state(state, source);
  copy_state(state, this->state());
}

std::shared_ptr<Classifier> make_classifier(const ClassifierOptions& options) {
  return with_own_errors(kFreeMemory, [&] { return std::make_shared<Classifier>(options); });
}

std::shared_ptr<Classifier> make_empty_classifier(const ClassifierOptions& options) {
  const WithoutDraws quickly;
  return make_classifier(options);
}

const core::OptionTable& ClassifierOptions::fields() {
  static const core::OptionTable table(
      "classifier", {core::field<&ClassifierOptions::architecture>("architecture", "name of the network"),
                     core::field<&ClassifierOptions::num_classes>("num_classes", "number of classes", {1, 1e6}),
                     core::field<&ClassifierOptions::in_channels>("in_channels", "channels of the images", {1, 64}),
                     core::field<&ClassifierOptions::image_px>(
                         "image_px", "side of the images, for networks with learnt positions", {1, 4096}),
                     core::field<&ClassifierOptions::arithmetic>(
                         "arithmetic", "how the publisher's network computes with weights of these names"),
                     core::field<&ClassifierOptions::head>("head", "the layers after the backbone")});
  return table;
}

}  // namespace margay::model
