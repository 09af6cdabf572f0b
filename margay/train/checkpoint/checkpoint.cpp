#include "margay/train/checkpoint/checkpoint.h"

#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <string_view>
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
constexpr const char* kVersion = "format_version";
/// 1 added format_version and fingerprint; the first checkpoints have neither.
constexpr int kCheckpointFormat = 1;

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// What stands before the sum tells how it was made; nothing stood there before XXH3.
constexpr std::string_view kXxh3 = "xxh3:";

using Sum = std::uint64_t (*)(std::span<const std::uint8_t>);

/// Of the values, and of the names and bytes of all tensors. tensors: contiguous, on the CPU.
std::string digits_of(const model::TensorMap& tensors, const std::string& values, Sum sum) {
  std::string sums = fmt::format("{:016x}", sum(bytes_of(values)));
  for (const auto& [name, tensor] : tensors) {
    const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(tensor.data_ptr()), tensor.nbytes());
    sums += fmt::format("{} {:016x}\n", name, sum(bytes));
  }
  return fmt::format("{:016x}", sum(bytes_of(sums)));
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
    throw core::FormatError(path, "its checksum does not match: the file is torn or damaged");
  }
  return {std::move(file.tensors), nlohmann::ordered_json::parse(values, nullptr, false)};
}

void load_checkpoint(const std::filesystem::path& path, Learner& learner) {
  restore(learner, read_checkpoint(path), path);
}

}  // namespace margay::train
