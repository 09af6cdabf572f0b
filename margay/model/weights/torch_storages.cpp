#include "margay/model/weights/torch_storages.h"

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
#include "margay/core/text_table.h"
#include "margay/model/weights/file_reader.h"

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

}  // namespace margay::model
