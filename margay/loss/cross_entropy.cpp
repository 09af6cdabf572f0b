#include "margay/loss/cross_entropy.h"

#include <memory>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/input_check.h"

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

/// cross_entropy on the CPU as one node of the autograd graph. For mean and sum the gradient is computed along with the
/// loss and kept until backward() returns it. For reduction none, and for float16, whose small numbers need the
/// upstream gradient's scale first, backward() computes the gradient from the logits. Derivatives of it (create_graph)
/// come from cross_entropy_formula. Arguments are already checked; the logits require a gradient.
torch::Tensor cross_entropy_in_graph(const torch::Tensor& logits, const torch::Tensor& targets,
                                     const CrossEntropyOptions& options) {
  const std::shared_ptr<CrossEntropyBackward> node(new CrossEntropyBackward(options), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(logits));
  torch::Tensor loss = node->forward(logits, targets);
  torch::autograd::set_history(loss, node);
  return loss;
}

void check(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
           const CrossEntropyOptions& options) {
  core::validate(options);
  check_logits(function, logits);
  check_targets(function, logits, targets, options);
  if (options.logits_check == LogitsCheck::kRefuseProbabilities) check_not_probabilities(function, logits);
}

/// As the kernels need them: [N,K] contiguous, or [N,K,d1,…] with the classes last in memory.
bool classes_lie_side_by_side(const torch::Tensor& logits) { return logits.movedim(1, -1).is_contiguous(); }

/// Gradients by the targets, and tensors of other devices, need LibTorch's operators.
bool is_for_kernels(const torch::Tensor& logits, const torch::Tensor& targets) {
  return logits.is_cpu() && targets.is_cpu() && !(targets.requires_grad() && torch::GradMode::is_enabled());
}

/// The logits' memory can take the gradient only where that is computed along with the loss, and once and for all.
void check_can_overwrite(const torch::Tensor& logits, const torch::Tensor& targets,
                         const CrossEntropyOptions& options) {
  const char* problem = nullptr;
  if (!is_for_kernels(logits, targets)) problem = "tensors on the CPU and targets that require no gradient";
  if (options.reduction == Reduction::kNone) problem = "reduction mean or sum";
  if (logits.scalar_type() == torch::kHalf) problem = "another dtype than float16, whose gradient is scaled first";
  if (!classes_lie_side_by_side(logits)) problem = "contiguous logits [N,K]";
  if (problem != nullptr) {
    throw std::invalid_argument(fmt::format("[cross_entropy] gradient_place over_logits needs {}; use new", problem));
  }
}

}  // namespace

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  check("cross_entropy", logits, targets, options);
  const bool needs_graph = logits.requires_grad() && torch::GradMode::is_enabled();
  if (needs_graph && options.gradient_place == GradientPlace::kOverLogits)
    check_can_overwrite(logits, targets, options);
  if (!is_for_kernels(logits, targets)) return cross_entropy_formula(logits, targets, options);
  if (needs_graph) return cross_entropy_in_graph(logits, targets, options);
  const double count = divisor(targets, logits.size(1), options);
  return reduce_rows(row_losses(logits, targets, options), count, options, logits.scalar_type());
}

LossAndGradient cross_entropy_with_gradient(const torch::Tensor& logits, const torch::Tensor& targets,
                                            const CrossEntropyOptions& options) {
  check("cross_entropy_with_gradient", logits, targets, options);
  const double count = divisor(targets, logits.size(1), options);
  const LossAndGradient rows = row_losses_and_gradient(logits, targets, options, scale_of_reduction(count));
  return {reduce_rows(rows.loss, count, options, logits.scalar_type()), rows.gradient};
}

const core::OptionTable& CrossEntropyOptions::fields() {
  using O = CrossEntropyOptions;
  static const core::OptionTable table(
      "cross_entropy",
      {core::field<&O::reduction>("reduction", "mean, sum or none"),
       core::field<&O::class_weights>("class_weights", "one weight per class, not negative; empty: all 1"),
       core::field<&O::class_weighting>("class_weighting", "per_example, or per_class as PyTorch's"),
       core::field<&O::label_smoothing>("label_smoothing", "share of the target spread over all classes", {0, 1}),
       core::field<&O::ignore_index>("ignore_index", "the target of rows that are ignored"),
       core::field<&O::temperature>("temperature", "logits are divided by it", {1e-6, 1e6}),
       core::field<&O::z_loss>("z_loss", "factor of (log Σ exp z)², which keeps logits from drifting", {0, 1e6}),
       core::field<&O::empty_mean>("empty_mean", "the mean when nothing counts: zero, or nan as PyTorch's"),
       core::field<&O::gradient_place>("gradient_place", "new, or over_logits to save their memory"),
       core::field<&O::logits_check>("logits_check", "refuse_probabilities given as logits, or none")});
  return table;
}

}  // namespace margay::loss
