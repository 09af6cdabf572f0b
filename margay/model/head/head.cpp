#include "margay/model/head/head.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/head/concat_pool.h"

namespace margay::model {
namespace {

constexpr double kNormBias = 1e-3;  // fastai's BatchNorm

/// Batch norm, dropout and linear layer: fastai's LinBnDrop with lin_first=False. [N,inputs] -> [N,outputs].
void append_dense(torch::nn::Sequential& head, std::int64_t inputs, std::int64_t outputs, double dropout) {
  torch::nn::BatchNorm1d norm(inputs);
  torch::nn::init::constant_(norm->bias, kNormBias);
  torch::nn::Linear linear(torch::nn::LinearOptions(inputs, outputs).bias(false));
  torch::nn::init::kaiming_normal_(linear->weight);  // std = sqrt(2 / inputs)
  head->push_back(norm);
  head->push_back(torch::nn::Dropout(dropout));
  head->push_back(linear);
}

/// [N,D,h,w] -> [N,D] or, where the maxima go along, [N,2D].
torch::nn::Sequential make_pooling(FeatureLayout layout, bool with_maxima) {
  torch::nn::Sequential pooling;
  if (layout == FeatureLayout::kMap && with_maxima) pooling->push_back(ConcatPool());
  if (layout == FeatureLayout::kMap && !with_maxima) pooling->push_back(torch::nn::AdaptiveAvgPool2d(1));
  pooling->push_back(torch::nn::Flatten());
  return pooling;
}

torch::nn::Sequential make_linear_head(const Backbone& backbone, std::int64_t num_classes, double dropout) {
  torch::nn::Sequential head = make_pooling(backbone.layout(), false);
  head->push_back(torch::nn::Dropout(dropout));
  head->push_back(torch::nn::Linear(backbone.features(), num_classes));
  return head;
}

}  // namespace

torch::nn::Sequential make_head(std::int64_t features, std::int64_t num_classes, const HeadOptions& options,
                                FeatureLayout layout) {
  core::validate(options);
  torch::nn::Sequential head = make_pooling(layout, true);
  std::int64_t inputs = layout == FeatureLayout::kMap ? 2 * features : features;
  if (options.hidden > 0) {
    append_dense(head, inputs, options.hidden, options.dropout / 2);
    head->push_back(torch::nn::ReLU(torch::nn::ReLUOptions().inplace(true)));
    inputs = options.hidden;
  }
  append_dense(head, inputs, num_classes, options.dropout);
  return head;
}

torch::nn::Sequential make_head(const Backbone& backbone, std::int64_t num_classes, const HeadOptions& options) {
  switch (options.kind) {
    case HeadKind::kLinear:
      return make_linear_head(backbone, num_classes, options.dropout);
    case HeadKind::kPublished:
      return backbone.make_published_head(num_classes);
    default:
      return make_head(backbone.features(), num_classes, options, backbone.layout());
  }
}

}  // namespace margay::model
