#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <hwy/highway.h>
#include <torch/types.h>

#include "margay/train/optim/parameter_slot.h"
#include "margay/train/optim/rules/all-inl.h"

namespace margay::train {
namespace {

/// A list of tensors that is used in formulas like a single number, by LibTorch's multi-tensor operators: on a GPU a
/// few launches for all of them. A temporary is overwritten, not copied.
class TensorList {
 public:
  using Ratio = std::vector<c10::Scalar>;  ///< a number for each tensor

  TensorList() = default;
  explicit TensorList(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {}

  const std::vector<at::Tensor>& tensors() const { return tensors_; }

  /// Writes into its own tensors, unlike `=`.
  void assign(const TensorList& other);

  TensorList& operator+=(const TensorList& b);
  TensorList& operator-=(const TensorList& b);
  TensorList& operator*=(double b);

  friend TensorList operator+(TensorList&& a, const TensorList& b) { return std::move(a += b); }
  friend TensorList operator-(const TensorList& a, const TensorList& b);
  friend TensorList operator*(TensorList&& a, const TensorList& b);
  friend TensorList operator/(TensorList&& a, const TensorList& b);
  friend TensorList operator+(TensorList&& a, double b);
  friend TensorList operator*(double a, const TensorList& b);
  friend TensorList operator*(double a, TensorList&& b) { return std::move(b *= a); }
  friend TensorList operator*(const Ratio& a, TensorList&& b);
  friend TensorList operator*(const Ratio& a, const TensorList& b);
  friend TensorList sqrt(TensorList&& a);
  friend TensorList sqrt(const TensorList& a);
  /// -1, 0 or 1; below 1e-31 in magnitude something between.
  friend TensorList sign(TensorList&& a);

  /// The sum of the squares of each, one copy from the device for all.
  std::vector<double> square_sums() const;

 private:
  std::vector<at::Tensor> tensors_;
};

void TensorList::assign(const TensorList& other) {
  at::_foreach_zero_(tensors_);
  at::_foreach_add_(tensors_, other.tensors_);
}

TensorList& TensorList::operator+=(const TensorList& b) {
  at::_foreach_add_(tensors_, b.tensors_);
  return *this;
}

TensorList& TensorList::operator-=(const TensorList& b) {
  at::_foreach_sub_(tensors_, b.tensors_);
  return *this;
}

TensorList& TensorList::operator*=(double b) {
  at::_foreach_mul_(tensors_, c10::Scalar(b));
  return *this;
}

TensorList operator-(const TensorList& a, const TensorList& b) {
  return TensorList(at::_foreach_sub(a.tensors_, b.tensors_));
}

TensorList operator*(TensorList&& a, const TensorList& b) {
  at::_foreach_mul_(a.tensors_, b.tensors_);
  return std::move(a);
}

TensorList operator/(TensorList&& a, const TensorList& b) {
  at::_foreach_div_(a.tensors_, b.tensors_);
  return std::move(a);
}

TensorList operator+(TensorList&& a, double b) {
  at::_foreach_add_(a.tensors_, c10::Scalar(b));
  return std::move(a);
}

TensorList operator*(double a, const TensorList& b) { return TensorList(at::_foreach_mul(b.tensors_, c10::Scalar(a))); }

TensorList operator*(const TensorList::Ratio& a, TensorList&& b) {
  at::_foreach_mul_(b.tensors_, a);
  return std::move(b);
}

TensorList operator*(const TensorList::Ratio& a, const TensorList& b) {
  return TensorList(at::_foreach_mul(b.tensors_, a));
}

TensorList sqrt(TensorList&& a) {
  at::_foreach_sqrt_(a.tensors_);
  return std::move(a);
}

TensorList sqrt(const TensorList& a) { return TensorList(at::_foreach_sqrt(a.tensors_)); }

TensorList sign(TensorList&& a) {  // LibTorch has _foreach_sign only since 2.1
  std::vector<at::Tensor> magnitude = at::_foreach_abs(a.tensors_);
  at::_foreach_add_(magnitude, c10::Scalar(std::numeric_limits<float>::min()));
  at::_foreach_div_(a.tensors_, magnitude);
  return std::move(a);
}

std::vector<double> TensorList::square_sums() const {
  const at::Tensor norms = at::stack(at::_foreach_norm(tensors_)).to(at::kCPU, at::kDouble);
  const at::Tensor squares = norms.square();
  return {squares.data_ptr<double>(), squares.data_ptr<double>() + squares.numel()};
}

namespace formulas = rules::HWY_NAMESPACE;
using Steps = std::vector<ParameterStep>;

TensorList memory_of(const Steps& steps, Memory memory) {
  std::vector<at::Tensor> tensors;
  for (const ParameterStep& step : steps) tensors.push_back((*step.slot)[memory]);
  return TensorList(std::move(tensors));
}

/// What steps. A master follows a parameter that somebody else has changed.
TensorList stepped(const Steps& steps) {
  std::vector<at::Tensor> tensors;
  for (const ParameterStep& step : steps) {
    ParameterSlot& slot = *step.slot;
    tensors.push_back(slot.stepped());
    if (!slot.is_half()) continue;
    at::Tensor& master = slot[Memory::kMaster];
    const at::Tensor changed = master.to(slot.parameter.scalar_type()).ne(slot.parameter);
    master.copy_(at::where(changed, slot.parameter.to(at::kFloat), master));
  }
  return TensorList(std::move(tensors));
}

/// A copy only where the formula changes it (L2) or it must be float32.
TensorList gradients(const Steps& steps) {
  std::vector<at::Tensor> tensors;
  for (const ParameterStep& step : steps) {
    const bool must_be_copied = step.numbers.l2 != 0 && !step.slot->is_half();
    tensors.push_back(step.gradient.to(step.slot->stepped().scalar_type(), false, must_be_copied));
  }
  return TensorList(std::move(tensors));
}

void round_halves(const Steps& steps) {
  for (const ParameterStep& step : steps) {
    if (step.slot->is_half()) step.slot->parameter.copy_(step.slot->stepped());
  }
}

template <class Rule>
rules::Values<TensorList> load(const Steps& steps) {
  rules::Values<TensorList> x;
  x.parameter = stepped(steps);
  if constexpr (Rule::kReads.gradient) x.gradient = gradients(steps);
  if constexpr (Rule::kReads.avg) x.avg = memory_of(steps, Memory::kAvg);
  if constexpr (Rule::kReads.sqr_avg) x.sqr_avg = memory_of(steps, Memory::kSqrAvg);
  if constexpr (Rule::kReads.slow) x.slow = memory_of(steps, Memory::kSlow);
  return x;
}

void decay(rules::Values<TensorList>& x, const StepNumbers& numbers) {
  if (numbers.keep != 1) x.parameter *= numbers.keep;
  if (numbers.l2 != 0 && !x.gradient.tensors().empty()) x.gradient += numbers.l2 * x.parameter;
}

template <class Rule>
void one_pass(const Steps& steps, const OptimizerOptions& /*options*/) {
  rules::Values<TensorList> x = load<Rule>(steps);
  decay(x, steps.front().numbers);
  Rule::step(x, steps.front().numbers);
}

/// Decays once: here the first pass may write to the parameter.
template <class Measure, class Step>
void two_passes(const Steps& steps, const OptimizerOptions& options) {
  const StepNumbers& numbers = steps.front().numbers;
  rules::Values<TensorList> x = load<Measure>(steps);
  decay(x, numbers);
  const std::vector<double> measured = Measure::step(x, numbers).square_sums();
  const std::vector<double> parameter = x.parameter.square_sums();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    x.ratio.emplace_back(trust_ratio(options, numbers, {parameter[i], measured[i]}));
  }
  if constexpr (Step::kReads.avg) x.avg = memory_of(steps, Memory::kAvg);
  Step::step(x, numbers);
}

using ListRule = void (*)(const Steps&, const OptimizerOptions&);

ListRule rule_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kAdam:
    case OptimizerKind::kMuon:
      return one_pass<formulas::Adam>;
    case OptimizerKind::kSgd:
      return one_pass<formulas::Sgd>;
    case OptimizerKind::kRmsprop:
      return one_pass<formulas::RMSProp>;
    case OptimizerKind::kRadam:
    case OptimizerKind::kRanger:
      return one_pass<formulas::RAdam>;
    case OptimizerKind::kLamb:
      return two_passes<formulas::LambMeasure, formulas::LambStep>;
    case OptimizerKind::kLars:
      return two_passes<formulas::LarsMeasure, formulas::LarsStep>;
    case OptimizerKind::kQhadam:
      return one_pass<formulas::QHAdam>;
    case OptimizerKind::kLion:
      return one_pass<formulas::Lion>;
  }
  return nullptr;
}

/// What a multi-tensor operator takes together: same numbers, type and device.
bool can_share(const ParameterStep& a, const ParameterStep& b) {
  return a.numbers == b.numbers && a.slot->parameter.scalar_type() == b.slot->parameter.scalar_type() &&
         a.slot->parameter.device() == b.slot->parameter.device();
}

void step_alike(const Steps& steps, const OptimizerOptions& options) {
  rule_of(options.kind)(steps, options);
  round_halves(steps);
  const Steps meetings = meetings_of(steps, options);
  if (meetings.empty()) return;
  one_pass<formulas::Lookahead>(meetings, options);
  round_halves(meetings);
}

}  // namespace

void step_lists(const std::vector<ParameterStep>& steps, const OptimizerOptions& options) {
  Steps rest = steps;
  while (!rest.empty()) {
    const ParameterStep first = rest.front();
    const auto others = std::stable_partition(rest.begin(), rest.end(),
                                              [&](const ParameterStep& step) { return can_share(step, first); });
    step_alike({rest.begin(), others}, options);
    rest.erase(rest.begin(), others);
  }
}

}  // namespace margay::train
