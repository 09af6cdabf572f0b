#pragma once

#include <filesystem>
#include <vector>

#include "margay/model/weights/tensor_map.h"
#include "margay/train/optim/parameter_slot.h"

namespace margay::train {

/// What the slots remember: `<parameter>.avg` and so on, and `<parameter>.steps`; nothing of those that never stepped.
/// The tensors share the slots' memory.
model::TensorMap state_of(const std::vector<std::vector<ParameterSlot>>& groups);

/// The way back; slots that `state` does not name forget what they knew. Changes nothing if it throws
/// core::FormatError, which names `source`: for a tensor that lacks, is of another shape or type, or that no slot asks
/// for.
void load_state(std::vector<std::vector<ParameterSlot>>& groups, const model::TensorMap& state,
                const OptimizerOptions& options, const std::filesystem::path& source);

}  // namespace margay::train
