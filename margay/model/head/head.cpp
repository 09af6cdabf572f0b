#include "margay/model/head/head.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

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

}  // namespace

torch::nn::Sequential make_head(std::int64_t features, std::int64_t num_classes, const HeadOptions& options) {
  core::validate(options);
  torch::nn::Sequential head{ConcatPool(), torch::nn::Flatten()};
  std::int64_t inputs = 2 * features;
  if (options.hidden > 0) {
    append_dense(head, inputs, options.hidden, options.dropout / 2);
    head->push_back(torch::nn::ReLU(torch::nn::ReLUOptions().inplace(true)));
    inputs = options.hidden;
  }
  append_dense(head, inputs, num_classes, options.dropout);
  return head;
}

}  // namespace margay::model
