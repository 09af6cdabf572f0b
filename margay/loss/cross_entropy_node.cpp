#include "margay/loss/cross_entropy_node.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy_formula.h"
#include "margay/loss/cross_entropy_rows.h"

namespace margay::loss {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

class CrossEntropyBackward : public torch::autograd::Node {
 public:
  explicit CrossEntropyBackward(const CrossEntropyOptions& options) : options_(options) {}

  torch::Tensor forward(const torch::Tensor& logits, const torch::Tensor& targets) {
    targets_ = SavedVariable(targets, false);
    divisor_ = divisor(targets, logits.size(1), options_);
    return reduce_rows(losses_of(logits, targets), divisor_, options_, logits.scalar_type());
  }

  variable_list apply(variable_list&& upstream) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!upstream[0].defined()) return {torch::Tensor()};
    if (torch::GradMode::is_enabled()) return {differentiable_gradient(upstream[0])};
    if (gradient_.defined()) return {scaled_gradient(upstream[0])};
    const GradientScale scale = scale_of_upstream(upstream[0], divisor_);
    return {row_losses_and_gradient(saved_logits(), targets_.unpack(), options_, scale).gradient};
  }

  std::string name() const override { return "margay::loss::CrossEntropyBackward"; }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    logits_.reset_data();
    targets_.reset_data();
    gradient_.reset();
  }

 private:
  bool is_overwriting() const { return options_.gradient_place == GradientPlace::kOverLogits; }

  /// The losses not reduced; keeps what backward() needs.
  torch::Tensor losses_of(const torch::Tensor& logits, const torch::Tensor& targets) {
    if (!is_overwriting()) logits_ = SavedVariable(logits, false);
    if (options_.reduction == Reduction::kNone || logits.scalar_type() == torch::kHalf) {
      return row_losses(logits, targets, options_);
    }
    const LossAndGradient rows = row_losses_and_gradient(logits, targets, options_, scale_of_reduction(divisor_));
    gradient_ = rows.gradient;
    gradient_version_ = gradient_._version();
    return rows.loss;
  }

  /// Hands the gradient on. Nobody else holds it, so it is scaled where it lies; a second backward computes it again.
  torch::Tensor scaled_gradient(const torch::Tensor& upstream) {
    if (gradient_._version() != gradient_version_) {
      throw std::invalid_argument(
          "[cross_entropy] the logits were written to between forward and backward, but gradient_place over_logits "
          "keeps "
          "the gradient in their memory; use gradient_place new");
    }
    torch::Tensor gradient = std::move(gradient_);
    gradient_ = torch::Tensor();
    const auto factor = upstream.item<double>();
    if (factor != 1) gradient.mul_(factor);
    return gradient;
  }

  torch::Tensor differentiable_gradient(const torch::Tensor& upstream) {
    const torch::Tensor logits = saved_logits();
    const torch::Tensor loss = cross_entropy_formula(logits, targets_.unpack(), options_);
    return torch::autograd::grad({loss}, {logits}, {upstream}, /*retain_graph=*/true, /*create_graph=*/true)[0];
  }

  torch::Tensor saved_logits() {
    if (is_overwriting()) {
      throw std::invalid_argument(
          "[cross_entropy] a second backward or a second derivative needs the logits, but gradient_place over_logits "
          "gave their memory to the gradient; use gradient_place new");
    }
    return logits_.unpack();
  }

  CrossEntropyOptions options_;
  double divisor_ = 1;
  SavedVariable logits_;
  SavedVariable targets_;
  torch::Tensor gradient_;  ///< of the reduced loss, until it is handed on
  std::int64_t gradient_version_ = 0;
};

}  // namespace

torch::Tensor cross_entropy_in_graph(const torch::Tensor& logits, const torch::Tensor& targets,
                                     const CrossEntropyOptions& options) {
  const std::shared_ptr<CrossEntropyBackward> node(new CrossEntropyBackward(options), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(logits));
  torch::Tensor loss = node->forward(logits, targets);
  torch::autograd::set_history(loss, node);
  return loss;
}

}  // namespace margay::loss
