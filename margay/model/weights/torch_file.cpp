#include "margay/model/weights/torch_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/model/weights/file_reader.h"
#include "margay/model/weights/state_dict.h"

namespace margay::model {
namespace {

constexpr std::size_t kShownStorageName = 120;

/// A C++ bool other than 0 and 1 is undefined behaviour.
bool holds_bools(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte each) { return each <= std::byte{1}; });
}

bool is_aligned_storage(const std::byte* address, std::size_t element_bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % element_bytes == 0;
}

at::Tensor copy_of(std::span<const std::byte> bytes, std::int64_t elements, c10::ScalarType dtype) {
  const at::Tensor copy = at::empty({elements}, dtype);
  std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
  return copy;
}

}  // namespace

at::Tensor TorchStorages::flat(const std::string& name, const TensorRecord& record, const StoragePlace& place) {
  const auto key = std::pair(record.storage.key, record.dtype);
  if (const auto known = flat_.find(key); known != flat_.end()) return known->second;
  const std::size_t element_bytes = c10::elementSize(record.dtype);
  const std::size_t elements = (place.end - place.begin) / element_bytes;
  const auto bytes = bytes_of(file_).subspan(place.begin, elements * element_bytes);
  if (record.dtype == at::kBool && !holds_bools(bytes)) {
    throw core::FormatError(path_, fmt::format("[torch] tensor '{}': truth values other than 0 and 1",
                                               core::one_line(name).substr(0, kShownStorageName)));
  }
  const std::array sizes = {static_cast<std::int64_t>(elements)};
  return flat_[key] = is_aligned_storage(bytes.data(), element_bytes)
                          ? at::from_blob(
                                bytes.data(), sizes, [file = file_](void*) {}, at::TensorOptions(record.dtype))
                          : copy_of(bytes, sizes[0], record.dtype);
}

at::Tensor TorchStorages::tensor(const std::string& name, const TensorRecord& record) {
  const StoragePlace place = place_of(name, record, places_, path_);
  const bool is_empty = std::find(record.sizes.begin(), record.sizes.end(), 0) != record.sizes.end();
  if (is_empty) return at::empty(record.sizes, record.dtype);
  return flat(name, record, place).as_strided(record.sizes, record.strides, record.offset);
}

namespace {

constexpr std::size_t kMaxSharing = 16;  // tensors that share their bytes; tied weights are 2

}  // namespace

TorchFile read_torch_file(const std::filesystem::path& path) {
  const at::Tensor file = FileReader(path).read_all();
  const std::size_t file_bytes = file.nbytes();
  TorchContent content = read_torch_content(bytes_of(file), path);
  const StateDict state = find_state_dict(content.pickle, path);
  TorchStorages storages(file, path, std::move(content.storages));
  TorchFile result{{}, std::move(content.form)};
  std::size_t bytes = 0;
  for (const auto& [name, record] : state.tensors) {
    const at::Tensor& tensor = result.tensors[name] = storages.tensor(name, record);
    bytes += tensor.nbytes();
  }
  if (bytes / kMaxSharing > file_bytes) {
    throw core::FormatError(
        path,
        fmt::format("[torch] {} bytes of tensors in {} bytes: they are the same again and again", bytes, file_bytes));
  }
  if (!state.entry.empty()) result.format += fmt::format(", entry '{}'", state.entry);
  return result;
}

}  // namespace margay::model
