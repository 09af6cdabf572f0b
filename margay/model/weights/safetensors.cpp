#include "margay/model/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/model/weights/file_reader.h"
#include "margay/model/weights/safetensors_header.h"

namespace margay::model {
namespace {

using NamedTensor = TensorMap::value_type;

constexpr std::size_t kDataAlignment = 8;  // the largest element

/// A C++ bool other than 0 and 1 is undefined behaviour.
void check_bools(std::span<const std::byte> bytes, const std::string& name, const std::filesystem::path& path) {
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte each) { return each <= std::byte{1}; })) return;
  throw core::FormatError(path, fmt::format("[safetensors] tensor '{}': BOOL values other than 0 and 1", name));
}

at::Tensor read_tensor(const SafetensorsEntry& entry, const FileReader& file, const std::filesystem::path& path) {
  at::Tensor tensor = at::empty(entry.shape, entry.dtype);
  const std::span<std::byte> bytes = bytes_of(tensor);
  file.read(bytes, entry.begin);
  if (entry.dtype == at::kBool) check_bools(bytes, entry.name, path);
  return tensor;
}

/// The header's own bytes are read, and no others.
SafetensorsHeader read_header(const FileReader& file, const std::filesystem::path& path) {
  const at::Tensor begin = file.read_first(kSafetensorsLengthBytes);
  const std::size_t length = safetensors_header_length(bytes_of(begin), file.size(), path);
  const at::Tensor head = file.read_first(kSafetensorsLengthBytes + length);
  return parse_safetensors_header(bytes_of(head), file.size(), path);
}

/// Larger elements first, so that all are aligned without padding, which the format does not allow.
std::vector<const NamedTensor*> in_file_order(const TensorMap& tensors) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& each : tensors) order.push_back(&each);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return a->second.element_size() > b->second.element_size();
  });
  return order;
}

void check_writable(const std::string& name, const at::Tensor& tensor) {
  if (name == kSafetensorsMetadataKey) {
    throw std::invalid_argument("[write_safetensors] no tensor may be named __metadata__");
  }
  if (!tensor.defined() || tensor.layout() != at::kStrided) {
    throw std::invalid_argument(fmt::format("[write_safetensors] '{}' is not a dense tensor", name));
  }
  safetensors_dtype_name(tensor.scalar_type());  // throws
}

/// The header's JSON with its length in front, padded so that the data begin aligned.
std::string header_of(const std::vector<const NamedTensor*>& order, const Metadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kSafetensorsMetadataKey] = metadata;
  std::size_t offset = 0;
  for (const auto* each : order) {
    const auto& [name, tensor] = *each;
    const std::size_t end = offset + tensor.nbytes();
    header[name] = {{"dtype", safetensors_dtype_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", std::array{offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment, ' ');
  if (text.size() > kMaxSafetensorsHeader) throw std::invalid_argument("[write_safetensors] too much metadata");
  std::string length(kSafetensorsLengthBytes, '\0');
  for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFFU);
  return length + text;
}

}  // namespace

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  const FileReader file(path);
  SafetensorsHeader header = read_header(file, path);
  file.check_fits(file.size());
  SafetensorsFile result{{}, std::move(header.metadata)};
  for (const SafetensorsEntry& entry : header.entries) result.tensors[entry.name] = read_tensor(entry, file, path);
  return result;
}

Metadata read_safetensors_metadata(const std::filesystem::path& path) {
  return read_header(FileReader(path), path).metadata;
}

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors, const Metadata& metadata) {
  for (const auto& [name, tensor] : tensors) check_writable(name, tensor);
  const std::vector<const NamedTensor*> order = in_file_order(tensors);
  std::string header;
  try {
    header = header_of(order, metadata);
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(fmt::format("[write_safetensors] names and metadata must be UTF-8: {}", error.what()));
  }
  core::AtomicFile file(path);
  file.write(header);
  for (const auto* each : order) {
    const at::Tensor dense = each->second.detach().to(at::kCPU).contiguous();
    file.write(dense.data_ptr(), dense.nbytes());
  }
  file.commit();
}

}  // namespace margay::model
