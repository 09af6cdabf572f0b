#include "margay/train/optim/adam.h"

#include <cmath>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"

namespace margay::train {
namespace {

/// The numbers of one step of one tensor.
struct StepSizes {
  float keep;       ///< 1 - lr·wd
  float momentum;   ///< of the gradient
  float sqr_mom;    ///< of its square
  float lr;         ///< lr / (1 - momentum^steps)
  float sqr_scale;  ///< 1 / (1 - sqr_mom^steps)
  float eps;
};

/// One pass over n floats. `restrict` lets the compiler vectorise: no two of the arrays overlap.
void adam_span(float* __restrict p, const float* __restrict g, float* __restrict avg, float* __restrict sqr,
               std::int64_t n, const StepSizes& s) {
  for (std::int64_t i = 0; i < n; ++i) {
    avg[i] = s.momentum * avg[i] + (1 - s.momentum) * g[i];
    sqr[i] = s.sqr_mom * sqr[i] + (1 - s.sqr_mom) * g[i] * g[i];
    p[i] = s.keep * p[i] - s.lr * avg[i] / (std::sqrt(sqr[i] * s.sqr_scale) + s.eps);
  }
}

bool is_plain_float(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat && tensor.is_non_overlapping_and_dense();
}

void adam_tensor(torch::Tensor& p, const torch::Tensor& g, torch::Tensor& avg, torch::Tensor& sqr, const StepSizes& s) {
  constexpr std::int64_t kGrain = 1 << 15;  // 128 KiB: less is not worth a second thread
  float* const p_data = p.data_ptr<float>();
  const float* const g_data = g.data_ptr<float>();
  float* const avg_data = avg.data_ptr<float>();
  float* const sqr_data = sqr.data_ptr<float>();
  at::parallel_for(0, p.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    adam_span(p_data + begin, g_data + begin, avg_data + begin, sqr_data + begin, end - begin, s);
  });
}

void adam_operators(torch::Tensor& p, const torch::Tensor& g, torch::Tensor& avg, torch::Tensor& sqr,
                    const StepSizes& s) {
  avg.mul_(s.momentum).add_(g, 1 - s.momentum);
  sqr.mul_(s.sqr_mom).addcmul_(g, g, 1 - s.sqr_mom);
  p.mul_(s.keep).addcdiv_(avg, (sqr * s.sqr_scale).sqrt_().add_(s.eps), -s.lr);
}

}  // namespace

Adam::Adam(const std::vector<model::ParameterGroup>& groups, const AdamOptions& options) : options_(options) {
  core::validate(options_);
  for (const model::ParameterGroup& group : groups) {
    std::vector<Slot>& slots = groups_.emplace_back();
    for (const model::NamedParameter& parameter : group.parameters) {
      slots.push_back({parameter.name, parameter.tensor, !parameter.is_norm_or_bias, {}, {}, 0});
    }
  }
}

void Adam::step(const Hyper& hyper) {
  if (hyper.lrs.size() != groups_.size()) {
    throw std::invalid_argument(
        fmt::format("[Adam] {} learning rates for {} parameter groups", hyper.lrs.size(), groups_.size()));
  }
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    for (Slot& slot : groups_[i]) step_slot(slot, hyper.lrs[i], hyper.momentum);
  }
}

void Adam::step_slot(Slot& slot, double lr, double momentum) const {
  torch::Tensor gradient = slot.parameter.grad();
  if (!slot.parameter.requires_grad() || !gradient.defined()) return;
  if (!slot.avg.defined()) {
    slot.avg = torch::zeros_like(slot.parameter);
    slot.sqr_avg = torch::zeros_like(slot.parameter);
  }
  ++slot.steps;
  const auto steps = static_cast<double>(slot.steps);
  const StepSizes sizes{static_cast<float>(slot.decays ? 1 - lr * options_.wd : 1.0),
                        static_cast<float>(momentum),
                        static_cast<float>(options_.sqr_mom),
                        static_cast<float>(lr / (1 - std::pow(momentum, steps))),
                        static_cast<float>(1 / (1 - std::pow(options_.sqr_mom, steps))),
                        static_cast<float>(options_.eps)};
  if (!is_plain_float(slot.parameter)) return adam_operators(slot.parameter, gradient, slot.avg, slot.sqr_avg, sizes);
  if (gradient.strides() != slot.parameter.strides()) gradient = torch::empty_like(slot.parameter).copy_(gradient);
  adam_tensor(slot.parameter, gradient, slot.avg, slot.sqr_avg, sizes);
}

void Adam::zero_grad() {
  for (std::vector<Slot>& slots : groups_) {
    for (Slot& slot : slots) slot.parameter.mutable_grad() = torch::Tensor();
  }
}

model::TensorMap Adam::state() const {
  model::TensorMap state;
  for (const std::vector<Slot>& slots : groups_) {
    for (const Slot& slot : slots) {
      if (slot.steps == 0) continue;
      state[slot.name + ".avg"] = slot.avg;
      state[slot.name + ".sqr_avg"] = slot.sqr_avg;
      state[slot.name + ".steps"] = torch::tensor(slot.steps, torch::kLong);
    }
  }
  return state;
}

void Adam::load_state(const model::TensorMap& state, const std::filesystem::path& source) {
  const torch::NoGradGuard no_grad;
  std::size_t used = 0;
  const auto copy = [&](const Slot& slot, const char* what) {
    const auto found = state.find(slot.name + what);
    if (found == state.end() || found->second.sizes() != slot.parameter.sizes()) {
      throw core::FormatError(source,
                              fmt::format("optimizer state '{}{}' is missing or of another shape", slot.name, what));
    }
    ++used;
    return torch::empty_like(slot.parameter).copy_(found->second);
  };
  for (std::vector<Slot>& slots : groups_) {
    for (Slot& slot : slots) {
      const auto steps = state.find(slot.name + ".steps");
      slot.steps = steps == state.end() ? 0 : steps->second.item<std::int64_t>();
      if (slot.steps == 0) continue;
      ++used;
      slot.avg = copy(slot, ".avg");
      slot.sqr_avg = copy(slot, ".sqr_avg");
    }
  }
  if (used != state.size()) throw core::FormatError(source, "optimizer state names parameters that the model lacks");
}

}  // namespace margay::train
