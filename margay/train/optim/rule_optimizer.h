#pragma once

#include <vector>

#include "margay/train/optim/optimizer.h"
#include "margay/train/optim/optimizer_options.h"
#include "margay/train/optim/parameter_slot.h"
#include "margay/train/optim/parameter_step.h"

namespace margay::train {

/// How parameters are stepped: kAuto walks over their memory where it can (can_step_spans), kOperators never.
enum class StepBy { kAuto, kOperators };

/// Every rule of OptimizerKind. Parameters of all groups step together, in one walk over their memory; a gradient
/// whose strides are not its parameter's is copied first. A parameter in bfloat16 or float16 is its float32 master,
/// rounded; where it was changed from outside, the master follows. State: `<parameter>.avg`, `.sqr_avg`, `.slow`
/// (Lookahead), `.master`, `.steps`, whichever there are.
class RuleOptimizer : public Optimizer {
 public:
  /// Throws std::invalid_argument for options that do not fit (resolve).
  explicit RuleOptimizer(const std::vector<model::ParameterGroup>& groups, const OptimizerOptions& options = {},
                         StepBy by = StepBy::kAuto);

  void step(const Hyper& hyper) override;
  void zero_grad() override;
  std::size_t num_groups() const override { return groups_.size(); }
  model::TensorMap state() const override;
  void load_state(const model::TensorMap& state, const std::filesystem::path& source) override;

  /// Resolved.
  const OptimizerOptions& options() const { return options_; }

 private:
  std::vector<ParameterStep> begin_steps(const Hyper& hyper);

  OptimizerOptions options_;
  StepBy by_;
  std::vector<std::vector<ParameterSlot>> groups_;
};

}  // namespace margay::train
