#pragma once

#include <filesystem>
#include <string>

#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/safetensors.h"

namespace margay::testing_support {

/// Weights of a network's backbone, drawn at random but always the same, as folder/NAME.safetensors.
inline std::filesystem::path write_backbone(const std::filesystem::path& folder, const std::string& architecture) {
  torch::manual_seed(7);
  const auto backbone = model::find_architecture(architecture).build({});
  model::TensorMap tensors;
  for (const auto& each : backbone->named_parameters()) tensors[each.key()] = each.value();
  for (const auto& each : backbone->named_buffers()) tensors[each.key()] = each.value();
  std::filesystem::create_directories(folder);
  const std::filesystem::path path = folder / (architecture + ".safetensors");
  model::write_safetensors(path, tensors);
  return path;
}

}  // namespace margay::testing_support
