#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include <ATen/record_function.h>
#include <torch/types.h>

namespace margay::model::fused {

/// compute(), shown to profilers and to whoever watches operators as LibTorch shows its own.
template <std::size_t kInputs, class Compute>
torch::Tensor recorded(const char* name, const std::array<torch::Tensor, kInputs>& inputs, const Compute& compute) {
  at::RecordFunction record(at::RecordScope::FUNCTION);
  if (!record.isActive()) return compute();
  const std::vector<c10::IValue> values(inputs.begin(), inputs.end());
  record.before(name, c10::ArrayRef<const c10::IValue>(values.data(), values.size()));
  torch::Tensor y = compute();
  if (record.needsOutputs()) record.setOutputs(std::vector<c10::IValue>{y});
  return y;
}

}  // namespace margay::model::fused
