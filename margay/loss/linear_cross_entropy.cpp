#include "margay/loss/linear_cross_entropy.h"

#include <array>
#include <memory>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/linear_rows.h"
#include "margay/loss/shape_check.h"

namespace margay::loss {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

/// The gradients are computed along with the loss and kept until backward() hands them on, unless the upstream gradient
/// must be known first: one per row (reduction none), or the scale that keeps float16 from underflowing.
class LinearCrossEntropyBackward : public torch::autograd::Node {
 public:
  explicit LinearCrossEntropyBackward(const LinearCrossEntropyOptions& options) : options_(options) {}

  torch::Tensor forward(const Linear& linear, const torch::Tensor& targets) {
    targets_ = SavedVariable(targets, false);
    features_ = SavedVariable(linear.features, false);
    weight_ = SavedVariable(linear.weight, false);
    bias_ = SavedVariable(linear.bias, false);
    wanted_ = {should_compute_output(0), should_compute_output(1), should_compute_output(2)};
    const CrossEntropyOptions& loss = options_.cross_entropy;
    divisor_ = divisor(targets, linear.weight.size(0), loss);
    const bool later = loss.reduction == Reduction::kNone || linear.features.scalar_type() == torch::kHalf;
    const LinearRows rows =
        linear_rows(linear, targets, options_, scale_of_reduction(divisor_), later ? std::array<bool, 3>{} : wanted_);
    if (!later) gradients_.assign(rows.gradients.begin(), rows.gradients.end());
    return reduce_rows(rows.losses, divisor_, loss, linear.features.scalar_type());
  }

  variable_list apply(variable_list&& upstream) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!upstream[0].defined()) return variable_list(3);
    if (torch::GradMode::is_enabled()) {
      throw std::invalid_argument(
          "[linear_cross_entropy] has no second derivative (create_graph); use cross_entropy(torch::linear(features, "
          "weight, bias), targets)");
    }
    if (gradients_.empty()) {
      const auto all =
          linear_rows(saved(), targets_.unpack(), options_, scale_of_upstream(upstream[0], divisor_), wanted_)
              .gradients;
      return {all.begin(), all.end()};
    }
    variable_list gradients = std::move(gradients_);
    gradients_.clear();
    const auto factor = upstream[0].item<double>();
    for (torch::Tensor& each : gradients) {
      if (each.defined() && factor != 1) each.mul_(factor);
    }
    return gradients;
  }

  std::string name() const override { return "margay::loss::LinearCrossEntropyBackward"; }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    features_.reset_data();
    weight_.reset_data();
    bias_.reset_data();
    targets_.reset_data();
    gradients_.clear();
  }

 private:
  Linear saved() { return {features_.unpack(), weight_.unpack(), bias_.unpack()}; }

  LinearCrossEntropyOptions options_;
  SavedVariable features_;
  SavedVariable weight_;
  SavedVariable bias_;
  SavedVariable targets_;
  std::array<bool, 3> wanted_{};
  double divisor_ = 1;
  variable_list gradients_;  ///< of the reduced loss, until they are handed on
};

void check_linear(const Linear& linear, const torch::Tensor& targets, const LinearCrossEntropyOptions& options) {
  core::validate(options);
  const auto& [features, weight, bias] = linear;
  const bool fits = features.is_floating_point() && features.dim() == 2 && weight.dim() == 2 &&
                    features.size(1) == weight.size(1) && weight.size(0) > 0 &&
                    (!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0)));
  if (!fits) {
    throw std::invalid_argument(fmt::format(
        "[linear_cross_entropy] features must be floating [N,D], weight [K,D] and bias [K] or undefined, got [{}], "
        "[{}] and [{}]",
        fmt::join(features.sizes().vec(), ","), fmt::join(weight.sizes().vec(), ","),
        bias.defined() ? fmt::format("{}", fmt::join(bias.sizes().vec(), ",")) : "undefined"));
  }
  if (features.scalar_type() != weight.scalar_type() ||
      (bias.defined() && bias.scalar_type() != weight.scalar_type())) {
    throw std::invalid_argument("[linear_cross_entropy] features, weight and bias must have one dtype");
  }
  if (targets.requires_grad() && torch::GradMode::is_enabled()) {
    throw std::invalid_argument(
        "[linear_cross_entropy] gives targets no gradient; use cross_entropy(torch::linear(features, weight, bias), "
        "targets), or targets.detach()");
  }
  const torch::Tensor shape =
      features.new_empty({1}).expand({features.size(0), weight.size(0)});  // the logits', no memory
  check_targets("linear_cross_entropy", shape, targets, options.cross_entropy);
}

}  // namespace

torch::Tensor linear_cross_entropy(const torch::Tensor& features, const torch::Tensor& weight,
                                   const torch::Tensor& bias, const torch::Tensor& targets,
                                   const LinearCrossEntropyOptions& options) {
  const Linear linear{features, weight, bias};
  check_linear(linear, targets, options);
  const bool needs_grad =
      torch::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad({features, weight, bias});
  if (!needs_grad) {
    const LinearRows rows = linear_rows(linear, targets, options, {}, {});
    const double count = divisor(targets, weight.size(0), options.cross_entropy);
    return reduce_rows(rows.losses, count, options.cross_entropy, features.scalar_type());
  }
  const std::shared_ptr<LinearCrossEntropyBackward> node(new LinearCrossEntropyBackward(options),
                                                         torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(features, weight, bias));
  torch::Tensor loss = node->forward(linear, targets);
  torch::autograd::set_history(loss, node);
  return loss;
}

const core::OptionTable& LinearCrossEntropyOptions::fields() {
  using O = LinearCrossEntropyOptions;
  static const core::OptionTable table(
      "linear_cross_entropy",
      {core::field<&O::cross_entropy>("cross_entropy", "the loss itself"),
       core::field<&O::chunk_mb>("chunk_mb", "memory for logits, MiB; 32 rows of them at least", {1, 1 << 20})});
  return table;
}

}  // namespace margay::loss
