#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "margay/model/classifier.h"
#include "margay/model/weights/tensor_map.h"
#include "margay/train/optim/optimizer_options.h"
#include "margay/train/optim/parameter_slot.h"
#include "margay/train/schedule/schedule.h"

namespace margay::train {

/// Updates parameters by their gradients. Parameters that need no gradient, or have none, are not changed, and neither
/// is their state.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step. hyper.lrs has one rate per group, or it throws std::invalid_argument.
  virtual void step(const Hyper& hyper) = 0;
  virtual void zero_grad() = 0;
  virtual std::size_t num_groups() const = 0;
  /// The optimizer's state, by parameter name; load_state(state()) changes nothing.
  virtual model::TensorMap state() const = 0;
  /// Throws core::FormatError, naming `source`, for a tensor of another shape or an unknown parameter.
  virtual void load_state(const model::TensorMap& state, const std::filesystem::path& source) = 0;
};

/// The optimizer that the options describe, for these parameters.
/// Throws std::invalid_argument for an option that the kind does not have or a number out of range.
std::unique_ptr<Optimizer> make_optimizer(const std::vector<model::ParameterGroup>& groups,
                                          const OptimizerOptions& options = {});

/// How parameters are updated: kAuto runs over their memory if possible (can_step_spans), kOperators always uses
/// LibTorch's operators.
enum class StepBy { kAuto, kOperators };

/// Every rule of OptimizerKind. Parameters of all groups are updated together, in one pass over their memory; a
/// gradient whose strides differ from its parameter's is copied first. A parameter in bfloat16 or float16 is its
/// float32 master, rounded; if it was changed from outside, the master follows. State: `<parameter>.avg`, `.sqr_avg`,
/// `.slow` (Lookahead), `.master`, `.steps`, whichever there are.
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

/// The state of the slots: `<parameter>.avg` and so on, and `<parameter>.steps`; nothing for slots that never stepped.
/// The tensors share the slots' memory.
model::TensorMap state_of(const std::vector<std::vector<ParameterSlot>>& groups);

/// Restores the state; slots that `state` does not name are reset. Throws core::FormatError, which names `source`, for
/// a tensor that is missing, has another shape or type, or belongs to no slot, and then changes nothing.
void load_state(std::vector<std::vector<ParameterSlot>>& groups, const model::TensorMap& state,
                const OptimizerOptions& options, const std::filesystem::path& source);

}  // namespace margay::train
