#include "margay/loss/linear_cross_entropy.h"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/utils.h>

#include "margay/core/text.h"
#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/input_check.h"
#include "margay/loss/reduction.h"

namespace margay::loss {
namespace {

/// The operands of the linear layer whose results are the logits.
struct Linear {
  torch::Tensor features;  ///< [N,D]
  torch::Tensor weight;    ///< [K,D]
  torch::Tensor bias;      ///< [K] or undefined
};

/// The losses of the rows, not reduced, and gradients by features, weight and bias, undefined where not wanted.
struct LinearRows {
  torch::Tensor losses;
  std::array<torch::Tensor, 3> gradients;
};

constexpr std::int64_t kFewestRows = 32;

torch::Tensor logits_of(const Linear& linear, std::int64_t begin, std::int64_t size) {
  const torch::Tensor rows = linear.features.narrow(0, begin, size);
  return linear.bias.defined() ? torch::addmm(linear.bias, rows, linear.weight.t()) : rows.mm(linear.weight.t());
}

std::int64_t rows_per_chunk(const Linear& linear, int chunk_mb) {
  const std::int64_t row_bytes = linear.weight.size(0) * static_cast<std::int64_t>(linear.weight.element_size());
  return std::max(kFewestRows, (std::int64_t{chunk_mb} << 20) / row_bytes);
}

/// Gradients as they grow chunk by chunk; undefined where not wanted.
class Gradients {
 public:
  Gradients(const Linear& linear, const std::array<bool, 3>& wanted) : linear_(linear) {
    if (wanted[0]) features_ = torch::empty_like(linear.features);
    if (wanted[1]) weight_ = at_least_float(torch::zeros_like(linear.weight));
    if (wanted[2]) bias_ = at_least_float(torch::zeros_like(linear.bias));
  }

  /// slope: the derivative by the logits of rows [begin, begin + size).
  void add(const torch::Tensor& slope, std::int64_t begin) {
    const std::int64_t size = slope.size(0);
    if (features_.defined()) {
      torch::Tensor rows = features_.narrow(0, begin, size);
      torch::mm_out(rows, slope, linear_.weight);
    }
    if (weight_.defined()) {
      const torch::Tensor rows = linear_.features.narrow(0, begin, size);
      if (weight_.scalar_type() == slope.scalar_type()) {
        weight_.addmm_(slope.t(), rows);
      } else {
        weight_.add_(slope.t().mm(rows));
      }
    }
    if (bias_.defined()) bias_.add_(slope.sum(0, false, bias_.scalar_type()));
  }

  std::array<torch::Tensor, 3> finished() const {
    std::array<torch::Tensor, 3> all{features_, weight_, bias_};
    const auto type = linear_.features.scalar_type();
    for (torch::Tensor& each : all) {
      if (each.defined()) each = each.to(type);
    }
    return all;
  }

 private:
  const Linear& linear_;
  torch::Tensor features_;
  torch::Tensor weight_;
  torch::Tensor bias_;
};

/// Computes both chunk by chunk; the gradients are those of Σ scale · loss. Arguments are already checked; nothing
/// becomes part of the autograd graph.
LinearRows linear_rows(const Linear& linear, const torch::Tensor& targets, const LinearCrossEntropyOptions& options,
                       const GradientScale& scale, const std::array<bool, 3>& wanted) {
  const torch::NoGradGuard no_grad;
  CrossEntropyOptions chunk = options.cross_entropy;
  chunk.gradient_place = GradientPlace::kOverLogits;
  const bool wants_any = wanted[0] || wanted[1] || wanted[2];
  Gradients gradients(linear, wanted);
  std::vector<torch::Tensor> losses;
  const std::int64_t rows = linear.features.size(0);
  const std::int64_t step = rows_per_chunk(linear, options.chunk_mb);
  for (std::int64_t begin = 0; begin < rows; begin += step) {
    const std::int64_t size = std::min(step, rows - begin);
    const torch::Tensor logits = logits_of(linear, begin, size);
    const torch::Tensor y = targets.narrow(0, begin, size);
    if (!wants_any) {
      losses.push_back(row_losses(logits, y, chunk));
      continue;
    }
    GradientScale chunk_scale = scale;
    if (scale.rows.defined()) chunk_scale.rows = scale.rows.narrow(0, begin, size);
    const LossAndGradient both = row_losses_and_gradient(logits, y, chunk, chunk_scale);
    losses.push_back(both.loss);
    gradients.add(both.gradient, begin);
  }
  if (losses.empty()) losses.push_back(torch::zeros({0}, linear.features.options().dtype(torch::kDouble)));
  return {torch::cat(losses), gradients.finished()};
}

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
        core::joined(features.sizes(), ","), core::joined(weight.sizes(), ","),
        bias.defined() ? core::joined(bias.sizes(), ",") : "undefined"));
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
