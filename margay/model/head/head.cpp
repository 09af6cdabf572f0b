#include "margay/model/head/head.h"

#include <algorithm>
#include <stdexcept>

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_max_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/core/error.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/network_draws.h"

namespace margay::model {

torch::Tensor ConcatPoolImpl::forward(const torch::Tensor& features) {
  const torch::Tensor maxima = std::get<0>(at::adaptive_max_pool2d(features, {1, 1}));  // [N,D,1,1]
  const torch::Tensor means = at::adaptive_avg_pool2d(features, {1, 1});                // [N,D,1,1]
  return at::cat({maxima, means}, 1);
}

ValueId ConcatPoolImpl::describe(GraphBuilder& graph, ValueId features) {
  const ValueId maxima = graph.step(op::AdaptivePool{.of = op::Pool::Of::kMaximum}, {features});
  const ValueId means = graph.step(op::AdaptivePool{.of = op::Pool::Of::kMean}, {features});
  return graph.step(op::Concat{1}, {maxima, means});
}

namespace {

constexpr double kNormBias = 1e-3;  // fastai's BatchNorm

void append_dropout(torch::nn::Sequential& head, double p) {
  if (p > 0) head->push_back(Dropout(p));
}

void append_norm(torch::nn::Sequential& head, std::int64_t features) {
  SyncedNorm1d norm(features);
  torch::nn::init::constant_(norm->bias, kNormBias);
  head->push_back(norm);
}

void append_linear(torch::nn::Sequential& head, std::int64_t inputs, std::int64_t outputs, bool has_bias) {
  torch::nn::Linear linear(torch::nn::LinearOptions(inputs, outputs).bias(has_bias));
  torch::nn::init::kaiming_normal_(linear->weight);  // std = sqrt(2 / inputs)
  if (has_bias) torch::nn::init::zeros_(linear->bias);
  head->push_back(linear);
}

void append_relu(torch::nn::Sequential& head) {
  head->push_back(torch::nn::ReLU(torch::nn::ReLUOptions().inplace(true)));
}

std::vector<std::int64_t> hidden_widths(const HeadOptions& options) {
  if (options.hidden == std::vector<std::int64_t>{0}) return {};
  if (std::find(options.hidden.begin(), options.hidden.end(), 0) != options.hidden.end()) {
    throw std::invalid_argument("[head] hidden is 0, for no layer, or the widths of layers, which are not 0");
  }
  return options.hidden;
}

/// One for each linear layer.
std::vector<double> dropouts(const HeadOptions& options, std::size_t layers) {
  std::vector<double> each = options.dropout;
  if (each.size() == 1) each.insert(each.begin(), layers - 1, each.front() / 2);
  if (each.size() == layers) return each;
  throw std::invalid_argument(fmt::format("[head] dropout must be one number or one for each of {} layers, got {}",
                                          layers, options.dropout.size()));
}

/// Batch norm, dropout, linear layer for each; widths: from the features to the classes.
void append_norm_first(torch::nn::Sequential& head, const std::vector<std::int64_t>& widths,
                       const std::vector<double>& dropouts) {
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    if (i > 0) append_relu(head);
    append_norm(head, widths[i]);
    append_dropout(head, dropouts[i]);
    append_linear(head, widths[i], widths[i + 1], /*has_bias=*/false);
  }
}

/// Dropout; linear layer, ReLU, batch norm, dropout for each hidden one; the last linear layer.
void append_linear_first(torch::nn::Sequential& head, const std::vector<std::int64_t>& widths,
                         const std::vector<double>& dropouts) {
  append_dropout(head, dropouts.front());
  for (std::size_t i = 1; i + 1 < widths.size(); ++i) {
    append_linear(head, widths[i - 1], widths[i], /*has_bias=*/false);
    append_relu(head);
    append_norm(head, widths[i]);
    append_dropout(head, dropouts[i]);
  }
  append_linear(head, widths[widths.size() - 2], widths.back(), /*has_bias=*/true);
}

/// [N,D,h,w] -> [N,D] or, where the maxima go along, [N,2D].
torch::nn::Sequential make_head_pooling(FeatureLayout layout, bool with_maxima) {
  torch::nn::Sequential pooling;
  if (layout == FeatureLayout::kMap && with_maxima) pooling->push_back(ConcatPool());
  if (layout == FeatureLayout::kMap && !with_maxima) pooling->push_back(torch::nn::AdaptiveAvgPool2d(1));
  pooling->push_back(torch::nn::Flatten());
  return pooling;
}

/// What shapes fastai's head has no meaning for the others.
void refuse_shape(const HeadOptions& options) {
  const HeadOptions plain;
  const bool has_plain_dropout = options.kind == HeadKind::kLinear || options.dropout == plain.dropout;
  const bool has_plain_layers = options.hidden == plain.hidden && !options.lin_first && !options.bn_final;
  if (has_plain_layers && has_plain_dropout && options.concat_pool) return;
  throw std::invalid_argument(fmt::format(
      "[head] hidden, dropout, concat_pool, lin_first and bn_final shape fastai's head; of these the {} one has {}",
      core::to_text(options.kind), options.kind == HeadKind::kLinear ? "dropout" : "none"));
}

torch::nn::Sequential make_linear_head(const Backbone& backbone, std::int64_t num_classes, const HeadOptions& options) {
  torch::nn::Sequential head = make_head_pooling(backbone.layout(), false);
  head->push_back(Dropout(dropouts(options, 1).front()));
  head->push_back(torch::nn::Linear(backbone.features(), num_classes));
  return head;
}

}  // namespace

torch::nn::Sequential make_head(std::int64_t features, std::int64_t num_classes, const HeadOptions& options,
                                FeatureLayout layout) {
  core::validate(options);
  torch::nn::Sequential head = make_head_pooling(layout, options.concat_pool);
  const bool is_doubled = layout == FeatureLayout::kMap && options.concat_pool;
  std::vector<std::int64_t> widths = hidden_widths(options);
  widths.insert(widths.begin(), is_doubled ? 2 * features : features);
  widths.push_back(num_classes);
  const auto append = options.lin_first ? append_linear_first : append_norm_first;
  append(head, widths, dropouts(options, widths.size() - 1));
  if (options.bn_final) head->push_back(SyncedNorm1d(torch::nn::BatchNormOptions(num_classes).momentum(.01)));
  return head;
}

torch::Tensor pool_features(const torch::Tensor& features, const Backbone& backbone) {
  const bool is_vector = features.dim() == 2;
  if ((!is_vector && features.dim() != 4) || features.size(1) != backbone.features()) {
    throw core::Error(fmt::format(
        "[features] the backbone gives {}, which are not features [N,{}] nor maps of them; it has no pooled features",
        features.sizes().vec(), backbone.features()));
  }
  return is_vector ? features.to(torch::kFloat) : at::mean(features, {2, 3}, /*keepdim=*/false, torch::kFloat);
}

namespace {

/// The layers of a head without those that only group others.
std::vector<torch::nn::AnyModule> leaves_of(const torch::nn::SequentialImpl& row) {
  std::vector<torch::nn::AnyModule> leaves;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const torch::nn::AnyModule layer = *(row.begin() + static_cast<std::ptrdiff_t>(i));
    if (const auto* nested = layer.ptr()->as<NestedSequential>()) {
      for (const auto& each : leaves_of(*nested)) leaves.push_back(each);
    } else {
      leaves.push_back(layer);
    }
  }
  return leaves;
}

template <class... Kinds>
bool is_one_of(const torch::nn::AnyModule& layer) {
  return ((layer.ptr()->as<Kinds>() != nullptr) || ...);
}

bool is_mean_of_all(const torch::nn::AnyModule& layer) {
  const auto* pool = layer.ptr()->as<torch::nn::AdaptiveAvgPool2d>();
  if (pool == nullptr) return false;
  const auto& size = *pool->options.output_size();
  return size[0] == 1 && size[1] == 1;
}

bool looks_at_one_place(const torch::nn::AnyModule& layer) {
  if (const auto* conv = layer.ptr()->as<torch::nn::Conv2d>()) return (*conv->options.kernel_size())[0] == 1;
  return is_one_of<torch::nn::Dropout, torch::nn::Identity, torch::nn::ReLU, torch::nn::BatchNorm2d>(layer);
}

bool is_affine(const torch::nn::AnyModule& layer) {
  return is_one_of<torch::nn::Flatten, torch::nn::Dropout, torch::nn::Identity, torch::nn::Linear,
                   torch::nn::BatchNorm1d>(layer);
}

torch::Tensor through(std::vector<torch::nn::AnyModule> layers, torch::Tensor x) {
  for (torch::nn::AnyModule& layer : layers) x = layer.forward(x);
  return x;
}

}  // namespace

std::optional<MeanPooledHead> as_mean_pooled(const torch::nn::Sequential& head) {
  const std::vector<torch::nn::AnyModule> layers = leaves_of(*head);
  const auto pool = std::find_if(layers.begin(), layers.end(), is_mean_of_all);
  if (pool == layers.end()) return std::nullopt;
  if (!std::all_of(layers.begin(), pool, looks_at_one_place)) return std::nullopt;
  if (!std::all_of(pool + 1, layers.end(), is_affine)) return std::nullopt;
  MeanPooledHead parts;
  parts.before.assign(layers.begin(), pool);
  parts.behind.assign(pool + 1, layers.end());
  return parts;
}

torch::Tensor MeanPooledHead::before_pooling(torch::Tensor features) const {
  return through(before, std::move(features));
}

torch::Tensor MeanPooledHead::behind_pooling(torch::Tensor rows) const { return through(behind, std::move(rows)); }

torch::Tensor MeanPooledHead::logits_of_places(const torch::Tensor& features) const {
  const torch::Tensor x = before_pooling(features).permute({0, 2, 3, 1});  // [N,h,w,D]
  const torch::Tensor logits = behind_pooling(x.reshape({-1, x.size(3)}));
  return logits.view({x.size(0), x.size(1), x.size(2), -1}).permute({0, 3, 1, 2});
}

torch::Tensor MeanPooledHead::bias(const torch::Tensor& features) const {
  const torch::Tensor x = before_pooling(features.slice(0, 0, 1));
  return behind_pooling(at::zeros({1, x.size(1)}, x.options())).squeeze(0);
}

torch::nn::Sequential make_head(const Backbone& backbone, std::int64_t num_classes, const HeadOptions& options) {
  core::validate(options);
  if (options.kind != HeadKind::kFastai) refuse_shape(options);
  switch (options.kind) {
    case HeadKind::kLinear:
      return make_linear_head(backbone, num_classes, options);
    case HeadKind::kPublished:
      return backbone.make_published_head(num_classes);
    default:
      return make_head(backbone.features(), num_classes, options, backbone.layout());
  }
}

const core::OptionTable& HeadOptions::fields() {
  static const core::OptionTable table(
      "head",
      {core::field<&HeadOptions::kind>("kind", "fastai, linear, or published: the network's own"),
       core::field<&HeadOptions::hidden>("hidden", "widths of the head's hidden layers, 0 for none", {0, 65536}),
       core::field<&HeadOptions::dropout>(
           "dropout", "dropout before the last layer, half of it before the others; or one for each layer", {0, 0.99}),
       core::field<&HeadOptions::concat_pool>("concat_pool", "pool maxima beside means"),
       core::field<&HeadOptions::lin_first>("lin_first", "batch norm behind the head's hidden layers, not before"),
       core::field<&HeadOptions::bn_final>("bn_final", "batch norm of the logits")});
  return table;
}

}  // namespace margay::model
