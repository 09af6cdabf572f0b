#include "margay/train/checkpoint/checkpoint.h"

#include <charconv>
#include <cstdint>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <ATen/Context.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/model/weights/safetensors.h"
#include "margay/train/checkpoint/fingerprint.h"

namespace margay::train {
namespace {

constexpr std::string_view kModel = "model.";
constexpr std::string_view kOptimizer = "optimizer.";
constexpr const char* kSnapshotSteps = "steps";
constexpr const char* kTrainingState = "training_state";
constexpr const char* kTrainingStateBefore1 = "standing";  ///< its name in files without a format_version
constexpr const char* kCallbacks = "callbacks";
constexpr const char* kGradScaler = "grad_scaler";
constexpr const char* kFingerprint = "fingerprint";

std::string callback_prefix(const std::string& name) { return fmt::format("callback.{}.", name); }

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

/// Whose generators training draws from.
std::vector<torch::Device> drawing_devices(const Learner& learner) {
  if (learner.device().is_cpu()) return {torch::kCPU};
  return {torch::kCPU, learner.device()};
}

std::string generator_name(const torch::Device& device) {
  return "random." + c10::DeviceTypeName(device.type(), /*lower_case=*/true);
}

torch::Tensor generator_state(const torch::Device& device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

/// A snapshot from another kind of device has none for this one, whose generator then stays as it is.
void load_generator_state(const model::TensorMap& tensors, const std::filesystem::path& source,
                          const torch::Device& device) {
  const std::string name = generator_name(device);
  const auto found = tensors.find(name);
  if (found == tensors.end()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  try {
    generator.set_state(found->second.clone());  // LibTorch wants memory of its own
  } catch (const c10::Error& error) {
    throw core::FormatError(source, fmt::format("{} is no state of LibTorch's generator ({}); the file is damaged or "
                                                "of another version of LibTorch",
                                                name, error.what_without_backtrace()));
  }
}

torch::Tensor tensor_of(const std::vector<StepRecord>& steps) {
  const torch::Tensor tensor = torch::empty({static_cast<std::int64_t>(steps.size()), 3}, torch::kDouble);
  auto* next = tensor.data_ptr<double>();
  for (const StepRecord& step : steps) {
    for (const double value : {step.lr, step.momentum, step.loss}) *next++ = value;
  }
  return tensor;
}

std::vector<StepRecord> steps_of(const model::TensorMap& tensors, const std::filesystem::path& source) {
  const auto found = tensors.find(kSnapshotSteps);
  const bool is_right = found != tensors.end() && found->second.scalar_type() == torch::kDouble &&
                        found->second.dim() == 2 && found->second.size(1) == 3;
  if (!is_right) throw core::FormatError(source, "the tensor 'steps' must be float64 [S,3]");
  const auto rows = found->second.accessor<double, 2>();
  std::vector<StepRecord> steps;
  for (std::int64_t i = 0; i < rows.size(0); ++i) steps.push_back({rows[i][0], rows[i][1], rows[i][2]});
  return steps;
}

void restore_callbacks(Learner& learner, const Snapshot& snapshot, const std::filesystem::path& source) {
  const auto all = snapshot.values.find(kCallbacks);
  if (all == snapshot.values.end()) return;
  for (const auto& callback : learner.callbacks()) {
    const std::string name = callback->state_name();
    const auto values = all->find(name);
    if (name.empty() || values == all->end()) continue;
    callback->load_state({*values, part_of(snapshot.tensors, callback_prefix(name))}, source);
  }
}

/// What fits no fit of this learner, though it is well formed. Throws core::FormatError.
void check_training_state(const TrainingState& state, const Learner& learner, const std::filesystem::path& source) {
  const auto refuse = [&](const std::string& problem) { throw core::FormatError(source, problem); };
  const std::int64_t batches = learner.loaders().train.num_batches();
  if (state.is_in_epoch && state.next_batch > batches) {
    refuse(fmt::format("stands at batch {} of an epoch, which has {} here", state.next_batch, batches));
  }
  const auto groups = static_cast<int>(learner.num_groups());
  if (state.first_trained_group.value_or(0) >= groups) {
    refuse(fmt::format("trains from group {} on, the network has {}", *state.first_trained_group, groups));
  }
  for (const EpochRecord& record : state.history) {
    if (record.metrics.size() == learner.metrics().size()) continue;
    refuse(fmt::format("has {} metrics in its history, here there are {}", record.metrics.size(),
                       learner.metrics().size()));
  }
}

}  // namespace

Snapshot take_snapshot(Learner& learner) {
  MARGAY_CHECK(!learner.has_pending_gradients(), "a snapshot in the middle of a step of several batches");
  Snapshot snapshot;
  add(snapshot.tensors, learner.classifier().state(), kModel);
  add(snapshot.tensors, learner.optimizer().state(), kOptimizer);
  for (const torch::Device& device : drawing_devices(learner)) {
    snapshot.tensors[generator_name(device)] = generator_state(device);
  }
  snapshot.tensors[kSnapshotSteps] = tensor_of(learner.steps());
  snapshot.values = {{kFingerprint, fingerprint(learner)},
                     {kTrainingState, to_json(learner.training_state())},
                     {kCallbacks, nlohmann::ordered_json::object()}};
  if (learner.grad_scaler()) snapshot.values[kGradScaler] = learner.grad_scaler()->state();
  for (const auto& callback : learner.callbacks()) {
    const std::string name = callback->state_name();
    if (name.empty()) continue;
    const CallbackState state = callback->state();
    snapshot.values[kCallbacks][name] = state.values;
    add(snapshot.tensors, state.tensors, callback_prefix(name));
  }
  return snapshot;
}

Snapshot copied(const Snapshot& snapshot) {
  Snapshot copy{{}, snapshot.values};
  for (const auto& [name, tensor] : snapshot.tensors) copy.tensors[name] = tensor.detach().clone();
  return copy;
}

void restore(Learner& learner, const Snapshot& snapshot, const std::filesystem::path& source) {
  if (learner.is_fitting()) {
    throw std::invalid_argument("[restore] cannot be called from a callback: a fit is under way");
  }
  const char* key = snapshot.values.contains(kTrainingState) ? kTrainingState : kTrainingStateBefore1;
  if (!snapshot.values.contains(key)) throw core::FormatError(source, "does not say where training stood");
  const auto found = snapshot.values.find(kFingerprint);
  if (found != snapshot.values.end()) check_fingerprint(*found, learner, source);  // older ones have none
  TrainingState state = training_state_from_json(snapshot.values[key], source);
  check_training_state(state, learner, source);
  state.steps = steps_of(snapshot.tensors, source);
  learner.classifier().load_state(part_of(snapshot.tensors, kModel), source);
  learner.optimizer().load_state(part_of(snapshot.tensors, kOptimizer), source);
  for (const torch::Device& device : drawing_devices(learner)) load_generator_state(snapshot.tensors, source, device);
  if (learner.grad_scaler() && snapshot.values.contains(kGradScaler)) {
    learner.grad_scaler()->load_state(snapshot.values[kGradScaler], source);
  }
  restore_callbacks(learner, snapshot, source);
  learner.resume_at(std::move(state));
}

namespace {

constexpr const char* kValues = "margay_checkpoint";
constexpr const char* kChecksum = "checksum";
constexpr const char* kVersion = "format_version";
/// 1 added format_version and fingerprint; the first checkpoints have neither.
constexpr int kCheckpointFormat = 1;

/// What stands before the sum tells how it was made; nothing stood there before XXH3.
constexpr std::string_view kXxh3 = "xxh3:";

using Sum = std::uint64_t (*)(std::span<const std::uint8_t>);

/// Of the values, and of the names and bytes of all tensors. tensors: contiguous, on the CPU.
std::string digits_of(const model::TensorMap& tensors, const std::string& values, Sum sum) {
  std::string sums = fmt::format("{:016x}", sum(core::text_bytes(values)));
  for (const auto& [name, tensor] : tensors) {
    const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(tensor.data_ptr()), tensor.nbytes());
    sums += fmt::format("{} {:016x}\n", name, sum(bytes));
  }
  return fmt::format("{:016x}", sum(core::text_bytes(sums)));
}

std::string checksum_of(const model::TensorMap& tensors, const std::string& values) {
  return std::string(kXxh3) + digits_of(tensors, values, core::checksum);
}

bool matches(const std::string& checksum, const model::TensorMap& tensors, const std::string& values) {
  if (checksum.starts_with(kXxh3)) return checksum == checksum_of(tensors, values);
  return checksum == digits_of(tensors, values, core::checksum_before_xxh3);
}

const std::string& metadata_value(const model::Metadata& metadata, const char* key, const std::filesystem::path& path) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw core::FormatError(path, "a safetensors file, but not a checkpoint of Margay");
  return found->second;
}

/// Throws core::NewerFormatError for what this program may misread.
void check_version(const model::Metadata& metadata, const std::filesystem::path& path) {
  const auto found = metadata.find(kVersion);
  if (found == metadata.end()) return;
  int version = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [last, error] = std::from_chars(found->second.data(), end, version);
  if (error != std::errc() || last != end || version < 1) {
    throw core::FormatError(path, "its format_version is no number; the file is damaged");
  }
  if (version <= kCheckpointFormat) return;
  throw core::NewerFormatError(
      path,
      fmt::format("a checkpoint of format {}; this program reads up to {}: update Margay", version, kCheckpointFormat));
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, Learner& learner) {
  write_checkpoint(path, take_snapshot(learner));
}

void write_checkpoint(const std::filesystem::path& path, const Snapshot& snapshot) {
  model::TensorMap tensors;
  for (const auto& [name, tensor] : snapshot.tensors) tensors[name] = tensor.detach().to(torch::kCPU).contiguous();
  // A path need not be UTF-8.
  const std::string values = snapshot.values.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  model::write_safetensors(
      path, tensors,
      {{kVersion, std::to_string(kCheckpointFormat)}, {kValues, values}, {kChecksum, checksum_of(tensors, values)}});
}

Snapshot read_checkpoint(const std::filesystem::path& path) {
  model::SafetensorsFile file = model::read_safetensors(path);
  const std::string& values = metadata_value(file.metadata, kValues, path);
  check_version(file.metadata, path);
  if (!matches(metadata_value(file.metadata, kChecksum, path), file.tensors, values)) {
    throw core::FormatError(path, "its checksum does not match: the file is incomplete or damaged");
  }
  return {std::move(file.tensors), core::parsed_json(values)};
}

void load_checkpoint(const std::filesystem::path& path, Learner& learner) {
  restore(learner, read_checkpoint(path), path);
}

}  // namespace margay::train
