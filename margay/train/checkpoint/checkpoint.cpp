#include "margay/train/checkpoint/checkpoint.h"

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/model/weights/safetensors.h"

namespace margay::train {
namespace {

constexpr const char* kValues = "margay_checkpoint";
constexpr const char* kChecksum = "checksum";

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Of the values, and of the names and bytes of all tensors. tensors: contiguous, on the CPU.
std::string checksum_of(const model::TensorMap& tensors, const std::string& values) {
  std::string sums = fmt::format("{:016x}", core::checksum(bytes_of(values)));
  for (const auto& [name, tensor] : tensors) {
    const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(tensor.data_ptr()), tensor.nbytes());
    sums += fmt::format("{} {:016x}\n", name, core::checksum(bytes));
  }
  return fmt::format("{:016x}", core::checksum(bytes_of(sums)));
}

const std::string& metadata_value(const model::Metadata& metadata, const char* key, const std::filesystem::path& path) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw core::FormatError(path, "a safetensors file, but not a checkpoint of Margay");
  return found->second;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, Learner& learner) {
  Snapshot snapshot = take_snapshot(learner);
  for (auto& [name, tensor] : snapshot.tensors) tensor = tensor.detach().to(torch::kCPU).contiguous();
  // A path need not be UTF-8.
  const std::string values = snapshot.values.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  model::write_safetensors(path, snapshot.tensors,
                           {{kValues, values}, {kChecksum, checksum_of(snapshot.tensors, values)}});
}

Snapshot read_checkpoint(const std::filesystem::path& path) {
  model::SafetensorsFile file = model::read_safetensors(path);
  const std::string& values = metadata_value(file.metadata, kValues, path);
  if (metadata_value(file.metadata, kChecksum, path) != checksum_of(file.tensors, values)) {
    throw core::FormatError(path, "its checksum does not match: the file is torn or damaged");
  }
  return {std::move(file.tensors), nlohmann::ordered_json::parse(values, nullptr, false)};
}

void load_checkpoint(const std::filesystem::path& path, Learner& learner) {
  restore(learner, read_checkpoint(path), path);
}

}  // namespace margay::train
