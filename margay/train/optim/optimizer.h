#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/model/parameter_group.h"
#include "margay/model/weights/tensor_map.h"
#include "margay/train/schedule/hyper_schedule.h"

namespace margay::train {

/// Changes parameters by their gradients. Parameters that need no gradient, or have none, are left alone, and so
/// is what the optimizer remembers of them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step. hyper.lrs has one rate per group, or it throws std::invalid_argument.
  virtual void step(const Hyper& hyper) = 0;
  virtual void zero_grad() = 0;
  virtual std::size_t num_groups() const = 0;
  /// What it remembers, by parameter name; load_state(state()) changes nothing.
  virtual model::TensorMap state() const = 0;
  /// Throws core::FormatError, naming `source`, for a tensor of another shape or an unknown parameter.
  virtual void load_state(const model::TensorMap& state, const std::filesystem::path& source) = 0;
};

}  // namespace margay::train
