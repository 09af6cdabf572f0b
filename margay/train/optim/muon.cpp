#include "margay/train/optim/muon.h"

#include <algorithm>
#include <cmath>

#include <torch/types.h>

namespace margay::train {
namespace {

constexpr int kNewtonSchulzSteps = 5;
constexpr double kNormFloor = 1e-7;
constexpr double kSizeOfAdam = 0.2;  // root mean square of AdamW's updates, as Liu et al. measured

void step_matrix(const ParameterStep& step) {
  ParameterSlot& slot = *step.slot;
  const StepNumbers& numbers = step.numbers;
  at::Tensor& parameter = slot.stepped();
  at::Tensor gradient = step.gradient.to(parameter.scalar_type());
  parameter.mul_(numbers.keep);
  if (numbers.l2 != 0) gradient = gradient + parameter * numbers.l2;
  at::Tensor& average = slot[Memory::kAvg];
  average.mul_(numbers.momentum).add_(gradient);
  const at::Tensor direction = (gradient + average * numbers.momentum).reshape({parameter.size(0), -1});
  const double size = kSizeOfAdam * std::sqrt(static_cast<double>(std::max(direction.size(0), direction.size(1))));
  parameter.sub_(orthogonalised(direction).reshape(parameter.sizes()), numbers.lr * size);
}

/// A master follows a parameter that somebody else has changed, as in step_lists.
void refresh_master(ParameterSlot& slot) {
  if (!slot.is_half()) return;
  at::Tensor& master = slot[Memory::kMaster];
  const at::Tensor changed = master.to(slot.parameter.scalar_type()).ne(slot.parameter);
  master.copy_(at::where(changed, slot.parameter.to(at::kFloat), master));
}

}  // namespace

bool is_hidden_matrix(const model::NamedParameter& parameter) {
  constexpr std::int64_t kMostImageChannels = 4;
  const at::Tensor& tensor = parameter.tensor;
  if (parameter.is_norm_or_bias || parameter.name.starts_with("head.")) return false;
  return tensor.dim() == 2 || (tensor.dim() == 4 && tensor.size(1) > kMostImageChannels);
}

at::Tensor orthogonalised(const at::Tensor& matrix) {
  constexpr double a = 3.4445;
  constexpr double b = -4.7750;
  constexpr double c = 2.0315;
  const bool is_tall = matrix.size(0) > matrix.size(1);  // products of the smaller side
  at::Tensor x = is_tall ? matrix.t() : matrix;
  x = x / (x.norm() + kNormFloor);
  for (int i = 0; i < kNewtonSchulzSteps; ++i) {
    const at::Tensor square = at::mm(x, x.t());
    x = a * x + at::mm(b * square + c * at::mm(square, square), x);
  }
  return is_tall ? x.t() : x;
}

void step_matrices(const std::vector<ParameterStep>& steps, const OptimizerOptions& options) {
  for (const ParameterStep& step : steps) {
    refresh_master(*step.slot);
    step_matrix(step);
  }
  for (const ParameterStep& meeting : meetings_of(steps, options)) {
    ParameterSlot& slot = *meeting.slot;
    at::Tensor& slow = slot[Memory::kSlow];
    slow.lerp_(slot.stepped(), meeting.numbers.alpha);
    slot.stepped().copy_(slow);
  }
  for (const ParameterStep& step : steps) {
    if (step.slot->is_half()) step.slot->parameter.copy_(step.slot->stepped());
  }
}

}  // namespace margay::train
