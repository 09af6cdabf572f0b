#include "margay/train/checkpoint/checkpoint.h"

#include <mutex>
#include <string_view>

#include <ATen/Context.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/model/weights/safetensors.h"

namespace margay::train {
namespace {

constexpr const char* kKey = "margay_checkpoint";
constexpr std::string_view kModel = "model.";
constexpr std::string_view kOptimizer = "optimizer.";
constexpr const char* kPasses = "passes";
constexpr const char* kPosition = "position";

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

/// LibTorch's own generator on the learner's device, from which dropout draws.
at::Generator generator_of(const Learner& learner) { return at::globalContext().defaultGenerator(learner.device()); }

std::string generator_name(const Learner& learner) {
  return "random." + c10::DeviceTypeName(learner.device().type(), /*lower_case=*/true);
}

torch::Tensor generator_state(const Learner& learner) {
  at::Generator generator = generator_of(learner);
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

/// A checkpoint from another kind of device has none for this one, whose generator then stays as it is.
void load_generator_state(const model::TensorMap& tensors, const std::filesystem::path& path, const Learner& learner) {
  const std::string name = generator_name(learner);
  const auto found = tensors.find(name);
  if (found == tensors.end()) return;
  at::Generator generator = generator_of(learner);
  const std::lock_guard lock(generator.mutex());
  try {
    generator.set_state(found->second.clone());  // LibTorch wants memory of its own
  } catch (const c10::Error& error) {
    throw core::FormatError(path, fmt::format("{} is no state of LibTorch's generator ({}); the file is damaged or of "
                                              "another version of LibTorch",
                                              name, error.what_without_backtrace()));
  }
}

/// What the metadata says of where training stood.
nlohmann::ordered_json standing_of(const model::Metadata& metadata, const std::filesystem::path& path) {
  const auto found = metadata.find(kKey);
  if (found == metadata.end()) throw core::FormatError(path, "a safetensors file, but not a checkpoint of Margay");
  nlohmann::ordered_json standing = nlohmann::ordered_json::parse(found->second, nullptr, false);
  const bool is_whole = standing.is_object() && standing.contains(kPosition) && standing.contains(kPasses) &&
                        standing[kPasses].is_number_unsigned();
  if (is_whole) return standing;
  throw core::FormatError(path, fmt::format("{} does not say '{}' and '{}'; the file is damaged or of another version",
                                            kKey, kPasses, kPosition));
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, Learner& learner, const nlohmann::ordered_json& position) {
  model::TensorMap all;
  add(all, learner.classifier().state(), kModel);
  add(all, learner.optimizer().state(), kOptimizer);
  all[generator_name(learner)] = generator_state(learner);
  const nlohmann::ordered_json standing = {{kPasses, learner.passes()}, {kPosition, position}};
  model::write_safetensors(path, all, {{kKey, standing.dump()}});
}

nlohmann::ordered_json load_checkpoint(const std::filesystem::path& path, Learner& learner) {
  const model::SafetensorsFile file = model::read_safetensors(path);
  nlohmann::ordered_json standing = standing_of(file.metadata, path);
  learner.classifier().load_state(part_of(file.tensors, kModel), path);
  learner.optimizer().load_state(part_of(file.tensors, kOptimizer), path);
  load_generator_state(file.tensors, path, learner);
  learner.set_passes(standing[kPasses].get<std::int64_t>());
  return standing[kPosition];
}

}  // namespace margay::train
