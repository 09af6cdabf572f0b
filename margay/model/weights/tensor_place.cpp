#include "margay/model/weights/tensor_place.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/error.h"
#include "margay/core/text_table.h"

namespace margay::model {
namespace {

constexpr std::size_t kShownPlaceName = 120;
constexpr std::size_t kShownKey = 40;

/// Refuses what does not lie within the storage, in numbers that may be anything.
class PlaceCheck {
 public:
  PlaceCheck(const std::string& name, const TensorRecord& record, const std::filesystem::path& path)
      : name_(name), record_(record), path_(path) {}

  [[noreturn]] void fail(const std::string& problem) const {
    throw core::FormatError(
        path_, fmt::format("[torch] tensor '{}': {}", core::one_line(name_).substr(0, kShownPlaceName), problem));
  }

  void check_numbers() const {
    if (record_.sizes.size() != record_.strides.size()) {
      fail(fmt::format("sizes {}, but strides {}", record_.sizes, record_.strides));
    }
    const auto is_negative = [](std::int64_t each) { return each < 0; };
    if (is_negative(record_.offset) || std::any_of(record_.sizes.begin(), record_.sizes.end(), is_negative) ||
        std::any_of(record_.strides.begin(), record_.strides.end(), is_negative)) {
      fail(fmt::format("negative numbers: offset {}, sizes {}, strides {}", record_.offset, record_.sizes,
                       record_.strides));
    }
  }

  /// Elements, counting a size of 0 as 1: LibTorch multiplies these too.
  std::int64_t volume() const {
    std::int64_t volume = 1;
    for (const std::int64_t size : record_.sizes) {
      if (__builtin_mul_overflow(volume, std::max<std::int64_t>(size, 1), &volume)) fail(too_large());
    }
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(volume, std::int64_t{8}, &bytes)) fail(too_large());
    return volume;
  }

  bool is_empty() const { return std::find(record_.sizes.begin(), record_.sizes.end(), 0) != record_.sizes.end(); }

  void check_within(std::int64_t elements) const {
    std::int64_t last = record_.offset;
    for (std::size_t i = 0; i < record_.sizes.size(); ++i) {
      std::int64_t way = 0;
      if (__builtin_mul_overflow(record_.sizes[i] - 1, record_.strides[i], &way) ||
          __builtin_add_overflow(last, way, &last)) {
        fail(too_large());
      }
    }
    if (last >= elements) {
      fail(fmt::format("offset {}, sizes {}, strides {} reach element {} of a storage of {}", record_.offset,
                       record_.sizes, record_.strides, last, elements));
    }
    if (volume() > elements)
      fail(fmt::format("sizes {} repeat the elements of a storage of {}", record_.sizes, elements));
  }

 private:
  std::string too_large() const {
    return fmt::format("sizes {}, strides {} are too large", record_.sizes, record_.strides);
  }

  const std::string& name_;
  const TensorRecord& record_;
  const std::filesystem::path& path_;
};

/// How many elements of the record's dtype its storage says to have, which must be there.
std::int64_t elements_of(const TensorRecord& record, std::size_t bytes, const PlaceCheck& check) {
  const StorageRecord& storage = record.storage;
  const std::size_t stored_as = storage.dtype ? c10::elementSize(*storage.dtype) : 1;
  if (storage.elements < 0 || static_cast<std::uint64_t>(storage.elements) > bytes / stored_as) {
    check.fail(fmt::format("a storage of {} elements in {} bytes; cut short or damaged", storage.elements, bytes));
  }
  return static_cast<std::int64_t>(static_cast<std::size_t>(storage.elements) * stored_as /
                                   c10::elementSize(record.dtype));
}

}  // namespace

StoragePlace place_of(const std::string& name, const TensorRecord& record, const StoragePlaces& storages,
                      const std::filesystem::path& path) {
  const PlaceCheck check(name, record, path);
  check.check_numbers();
  check.volume();
  const auto place = storages.find(record.storage.key);
  if (place == storages.end()) {
    check.fail(fmt::format("no storage '{}'", core::one_line(record.storage.key).substr(0, kShownKey)));
  }
  const std::int64_t elements = elements_of(record, place->second.end - place->second.begin, check);
  if (!check.is_empty()) check.check_within(elements);
  return place->second;
}

}  // namespace margay::model
