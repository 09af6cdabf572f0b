#include "margay/model/replica.h"

#include <utility>
#include <vector>

#include <torch/types.h>
#include <torch/utils.h>

namespace margay::model {
namespace {

std::shared_ptr<Classifier> like(const Classifier& original) {
  std::shared_ptr<Classifier> network = make_empty_classifier(original.options());
  network->to(original.device());
  network->set_gradient_checkpointing(original.backbone().gradient_checkpointing());
  return network;
}

}  // namespace

Replica::Replica(std::shared_ptr<Classifier> original) : original_(std::move(original)), network_(like(*original_)) {
  const std::vector<torch::Tensor> from = original_->parameters();
  const std::vector<torch::Tensor> to = network_->parameters();
  for (std::size_t i = 0; i < from.size(); ++i) to[i].set_data(from[i]);
}

Classifier& Replica::follow() {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> from = original_->parameters();
  std::vector<torch::Tensor> to = network_->parameters();
  for (std::size_t i = 0; i < from.size(); ++i) to[i].set_requires_grad(from[i].requires_grad());
  const std::vector<torch::Tensor> buffers = original_->buffers();
  const std::vector<torch::Tensor> own_buffers = network_->buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i) own_buffers[i].copy_(buffers[i]);
  const auto modules = original_->modules();
  const auto own_modules = network_->modules();
  for (std::size_t i = 0; i < modules.size(); ++i) own_modules[i]->train(modules[i]->is_training());
  return *network_;
}

}  // namespace margay::model
