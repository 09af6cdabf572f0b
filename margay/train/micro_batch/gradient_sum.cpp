#include "margay/train/micro_batch/gradient_sum.h"

#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"

namespace margay::train {

GradientSum::GradientSum(const SumTree& tree, MicroRange own) : tree_(tree), own_(own), next_(own.begin) {}

void GradientSum::begin(std::size_t tensors) {
  MARGAY_CHECK(next_ < own_.end, "more micro-batches than this process has");
  MicroRange node = {next_, next_ + 1};
  merges_ = 0;
  for (std::size_t i = nodes_.size(); i > 0 && tree_.is_node({nodes_[i - 1].node.begin, node.end}); --i) {
    node.begin = nodes_[i - 1].node.begin;
    ++merges_;
  }
  nodes_.push_back({.node = {next_, next_ + 1}, .gradients = Gradients(tensors)});
}

void GradientSum::set(std::size_t tensor, at::Tensor gradient) {
  const torch::NoGradGuard no_grad;
  nodes_.back().gradients[tensor] = std::move(gradient);
  for (std::size_t i = nodes_.size() - 1; i >= kept(); --i) {
    nodes_[i - 1].gradients[tensor].add_(nodes_[i].gradients[tensor]);
    nodes_[i].gradients[tensor].reset();
  }
}

void GradientSum::end() {
  ++next_;
  const std::size_t left = kept();
  nodes_.resize(left);
  nodes_.back().node.end = next_;
  merges_ = 0;
}

std::vector<at::Tensor> GradientSum::parts(std::size_t tensor) const {
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < kept(); ++i) parts.push_back(nodes_[i].gradients[tensor]);
  return parts;
}

}  // namespace margay::train
