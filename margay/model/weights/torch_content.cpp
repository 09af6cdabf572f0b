#include "margay/model/weights/torch_content.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/model/weights/pickle/unpickler.h"
#include "margay/model/weights/zip_directory.h"

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
    check.fail(fmt::format("a storage of {} elements in {} bytes; truncated or damaged", storage.elements, bytes));
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

namespace {

constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);  // torch/serialization.py
constexpr std::int64_t kLegacyProtocol = 1001;
constexpr std::string_view kZip = "PK\x03\x04";
constexpr std::size_t kShownEntryName = 80;
constexpr const char* kPickleName = "data.pkl";

class ContentReader {
 public:
  ContentReader(std::span<const std::byte> bytes, const std::filesystem::path& path) : bytes_(bytes), path_(path) {}

  TorchContent read() const { return is_zip() ? read_zip() : read_legacy(); }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw core::FormatError(path_, "[torch] " + problem); }

  bool is_zip() const {
    return bytes_.size() >= kZip.size() &&
           std::equal(kZip.begin(), kZip.end(), reinterpret_cast<const char*>(bytes_.data()));
  }

  std::span<const std::byte> bytes_of(const ZipEntry& entry) const {
    return bytes_.subspan(entry.begin, entry.end - entry.begin);
  }

  std::string text_of(const ZipEntry& entry) const {
    const auto bytes = bytes_of(entry);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// FOLDER/data.pkl, FOLDER/data/KEY for each storage, FOLDER/version, FOLDER/byteorder.
  TorchContent read_zip() const {
    const std::vector<ZipEntry> entries = read_zip_directory(bytes_, path_);
    const auto pickle = std::find_if(entries.begin(), entries.end(), [](const ZipEntry& each) {
      return each.name == kPickleName || each.name.ends_with(std::string("/") + kPickleName);
    });
    if (pickle == entries.end()) fail("a zip file without data.pkl, so none of torch.save");
    const std::string folder = pickle->name.substr(0, pickle->name.size() - std::string_view(kPickleName).size());
    TorchContent content{{}, {}, "PyTorch (zip)"};
    check_entries(entries, folder);
    for (const ZipEntry& each : entries) {
      if (each.name == folder + "byteorder") check_byte_order(text_of(each));
      const std::string data = folder + "data/";
      if (each.name.starts_with(data)) content.storages[each.name.substr(data.size())] = {each.begin, each.end};
    }
    content.pickle = unpickle(bytes_of(*pickle), path_, pickle->begin);
    return content;
  }

  /// Programs of TorchScript are compressed in part, so what they are comes first.
  void check_entries(const std::vector<ZipEntry>& entries, const std::string& folder) const {
    for (const ZipEntry& each : entries) {
      if (each.name == folder + "constants.pkl") fail("a program of torch.jit.save; save model.state_dict()");
    }
    for (const ZipEntry& each : entries) {
      if (each.method == 0) continue;
      fail(fmt::format(
          "'{}' is compressed (zip's method {}), and torch.save only stores: unzip it and zip it again with "
          "zip -0",
          core::one_line(each.name).substr(0, kShownEntryName), each.method));
    }
  }

  void check_byte_order(const std::string& order) const {
    if (order != "little") fail("written by a big-endian machine, which is not read");
  }

  /// Five pickles (a magic number, the protocol, the machine, the object, the keys of its storages), then for each
  /// storage the number of its elements and their bytes.
  TorchContent read_legacy() const {
    std::size_t at = 0;
    const Pickle magic = next(at);
    const auto* number = magic.get<PickleBigInteger>(magic.root);
    if (number == nullptr || number->bytes != kMagic) fail("a pickle, but none of torch.save");
    const Pickle protocol = next(at);
    const auto* version = protocol.get<std::int64_t>(protocol.root);
    if (version == nullptr || *version != kLegacyProtocol) fail("an unknown version of torch.save");
    check_machine(next(at));
    TorchContent content{next(at), {}, "PyTorch (before 1.6)"};
    const Pickle keys = next(at);
    content.storages = find_storages(keys, elements_by_key(content.pickle), at);
    return content;
  }

  /// The pickle at `at`, which moves behind it.
  Pickle next(std::size_t& at) const {
    Pickle pickle = unpickle(bytes_.subspan(at), path_, at);
    at += pickle.bytes;
    return pickle;
  }

  void check_machine(const Pickle& machine) const {
    const auto* dict = machine.get<PickleDict>(machine.root);
    const PickleId* little = dict == nullptr ? nullptr : machine.find(*dict, "little_endian");
    const auto* is_little = little == nullptr ? nullptr : machine.get<bool>(*little);
    check_byte_order(is_little != nullptr && *is_little ? "little" : "big");
  }

  std::map<std::string, StorageRecord> elements_by_key(const Pickle& pickle) const {
    std::map<std::string, StorageRecord> records;
    for (PickleId id = 0; id < pickle.values.size(); ++id) {
      if (auto record = storage_record(pickle, id, path_)) records[record->key] = *record;
    }
    return records;
  }

  StoragePlaces find_storages(const Pickle& keys, const std::map<std::string, StorageRecord>& records,
                              std::size_t at) const {
    const auto* list = keys.get<PickleSequence>(keys.root);
    if (list == nullptr) fail("no list of storages behind its pickle");
    StoragePlaces places;
    for (const PickleId id : list->items) {
      const auto* key = keys.get<std::string>(id);
      const auto record = key == nullptr ? records.end() : records.find(*key);
      if (record == records.end()) fail("a storage that belongs to no tensor");
      PickleBytesReader reader(bytes_.subspan(at), path_, at);
      const std::uint64_t elements = reader.number(sizeof(std::uint64_t));
      at += reader.position();
      const std::size_t element_bytes = record->second.dtype ? c10::elementSize(*record->second.dtype) : 1;
      if (elements > (bytes_.size() - at) / element_bytes) {
        fail(fmt::format("a storage of {} elements of {} bytes where {} bytes are left; truncated or damaged", elements,
                         element_bytes, bytes_.size() - at));
      }
      places[*key] = {at, at + static_cast<std::size_t>(elements) * element_bytes};
      at = places[*key].end;
    }
    return places;
  }

  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
};

}  // namespace

TorchContent read_torch_content(std::span<const std::byte> file, const std::filesystem::path& path) {
  return ContentReader(file, path).read();
}

}  // namespace margay::model
