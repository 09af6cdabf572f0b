#include "margay/train/checkpoint/checkpoint.h"

#include <string_view>

#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/model/weights/safetensors.h"

namespace margay::train {
namespace {

constexpr const char* kKey = "margay_checkpoint";
constexpr std::string_view kModel = "model.";
constexpr std::string_view kOptimizer = "optimizer.";

void add(model::TensorMap& all, const model::TensorMap& part, std::string_view prefix) {
  for (const auto& [name, tensor] : part) all[std::string(prefix) + name] = tensor;
}

model::TensorMap part_of(const model::TensorMap& all, std::string_view prefix) {
  model::TensorMap part;
  for (const auto& [name, tensor] : all) {
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = tensor;
  }
  return part;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, Learner& learner, const nlohmann::ordered_json& position) {
  model::TensorMap all;
  add(all, learner.classifier().state(), kModel);
  add(all, learner.optimizer().state(), kOptimizer);
  model::write_safetensors(path, all, {{kKey, position.dump()}});
}

nlohmann::ordered_json load_checkpoint(const std::filesystem::path& path, Learner& learner) {
  const model::SafetensorsFile file = model::read_safetensors(path);
  const auto found = file.metadata.find(kKey);
  if (found == file.metadata.end()) throw core::FormatError(path, "a safetensors file, but not a checkpoint of Margay");
  nlohmann::ordered_json position = nlohmann::ordered_json::parse(found->second, nullptr, false);
  if (position.is_discarded()) throw core::FormatError(path, "its position is not JSON; the file is damaged");
  learner.classifier().load_state(part_of(file.tensors, kModel), path);
  learner.optimizer().load_state(part_of(file.tensors, kOptimizer), path);
  return position;
}

}  // namespace margay::train
