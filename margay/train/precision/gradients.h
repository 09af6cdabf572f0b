#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "margay/train/callback/callback.h"

namespace margay::train {

/// From this many floats on a second thread pays: 128 KiB.
inline constexpr std::int64_t kThreadGrain = 1 << 15;

/// Whether its memory is one block of floats on the CPU, over which a simple loop may run.
inline bool is_plain_float(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat && tensor.is_non_overlapping_and_dense();
}

/// float16 and bfloat16.
inline bool is_narrow(const torch::Tensor& tensor) { return tensor.element_size() < 4; }

/// The tensor itself, or a float32 copy of a narrow one.
inline torch::Tensor at_least_float(const torch::Tensor& tensor) {
  return is_narrow(tensor) ? tensor.to(torch::kFloat) : tensor;
}

/// The gradients that the next step will use: those of the module's trained parameters that have one, in the
/// parameters' order. They are not copies.
std::vector<torch::Tensor> gradients_of(const torch::nn::Module& module);

/// √Σ g² over all gradients, as if they were one long vector. 0 without gradients; not finite if one of them is not.
/// float32 on the CPU is summed in float64, in an order that does not depend on the number of threads; other gradients
/// in at least float32. Gradients: any floating types, on one device, for which it waits once.
double global_norm(const std::vector<torch::Tensor>& gradients);

/// Scales all gradients in place by one factor, so that their global norm is at most `max_norm`; a smaller norm is kept
/// (Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013). Returns the norm before
/// scaling. As torch.nn.utils.clip_grad_norm_, but a non-finite norm changes nothing, since no factor would repair the
/// gradients. Throws std::invalid_argument unless max_norm is positive.
double clip_by_norm(const std::vector<torch::Tensor>& gradients, double max_norm);

/// Brings every element of the gradients, in place, into [-limit, limit]; NaN stays. As
/// torch.nn.utils.clip_grad_value_. Throws std::invalid_argument unless limit is positive.
void clip_by_value(const std::vector<torch::Tensor>& gradients, double limit);

/// Before every step, scales all gradients down together so that their global norm is at most `max_norm`
/// (clip_by_norm). Learners that scale the loss divide the gradients by the scale first.
class ClipGradientNorm : public Callback {
 public:
  /// Throws std::invalid_argument unless positive.
  explicit ClipGradientNorm(double max_norm);
  void before_step(Learner& learner, const Progress& at) override;

  /// The gradient norm of the latest step before clipping; NaN before the first step.
  double norm() const { return norm_; }
  /// The number of steps whose gradients were clipped.
  std::int64_t clipped_steps() const { return clipped_steps_; }

 private:
  double max_norm_;
  double norm_;
  std::int64_t clipped_steps_ = 0;
};

/// Before every step, brings each element of the gradients into [-limit, limit] (clip_by_value).
class ClipGradientValue : public Callback {
 public:
  /// Throws std::invalid_argument unless positive.
  explicit ClipGradientValue(double limit);
  void before_step(Learner& learner, const Progress& at) override;

 private:
  double limit_;
};

}  // namespace margay::train
