#include "margay/model/weights/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"

namespace margay::model {
namespace {

using core::FormatError;
using nlohmann::json;

constexpr std::size_t kMaxDimensions = 64;  // of LibTorch's tensor iterator
constexpr const char* kOtherFile = "; not a safetensors file, or cut short: copy or download it again";
constexpr int kMaxJsonDepth = 3;  // of a well-formed header: {"name": {"shape": [

constexpr std::array kSafetensorsDtypes = {
    std::pair{"F64", c10::ScalarType::Double}, std::pair{"F32", c10::ScalarType::Float},
    std::pair{"F16", c10::ScalarType::Half},   std::pair{"BF16", c10::ScalarType::BFloat16},
    std::pair{"I64", c10::ScalarType::Long},   std::pair{"I32", c10::ScalarType::Int},
    std::pair{"I16", c10::ScalarType::Short},  std::pair{"I8", c10::ScalarType::Char},
    std::pair{"U8", c10::ScalarType::Byte},    std::pair{"BOOL", c10::ScalarType::Bool}};

/// Reads one tensor's object; `where` is its place in messages.
class EntryReader {
 public:
  EntryReader(const std::string& name, const json& object, const std::filesystem::path& path)
      : name_(name), object_(object), path_(path) {}

  SafetensorsEntry read(std::size_t data_begin, std::size_t data_bytes) const {
    if (!object_.is_object()) fail("expected an object, found " + found(object_));
    SafetensorsEntry entry{name_, dtype(), shape(), 0, 0};
    const auto [begin, end] = offsets(data_bytes);
    const std::size_t expected = bytes_of(entry);
    if (end - begin != expected) {
      fail(fmt::format("shape {} needs {} bytes, data_offsets span {}", entry.shape, expected, end - begin));
    }
    entry.begin = data_begin + begin;
    entry.end = data_begin + end;
    return entry;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw FormatError(path_, fmt::format("[safetensors] tensor '{}': {}", name_, problem));
  }

  /// A value for a message, cut short; invalid text cannot occur, the parser has refused it.
  static std::string found(const json& value) { return value.dump().substr(0, 60); }

  const json& member(const char* key) const {
    const auto it = object_.find(key);
    if (it == object_.end()) fail(fmt::format("no '{}'", key));
    return *it;
  }

  c10::ScalarType dtype() const {
    const json& value = member("dtype");
    for (const auto& [name, type] : kSafetensorsDtypes) {
      if (value == name) return type;
    }
    fail("expected a dtype of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, found " + found(value));
  }

  std::vector<std::int64_t> shape() const {
    const json& value = member("shape");
    if (!value.is_array()) fail("expected a list as shape, found " + found(value));
    if (value.size() > kMaxDimensions) fail(fmt::format("more than {} dimensions: {}", kMaxDimensions, value.size()));
    std::vector<std::int64_t> sizes;
    for (const json& size : value) {
      if (!size.is_number_unsigned() || !std::in_range<std::int64_t>(size.get<std::uint64_t>())) {
        fail("expected whole numbers as shape, found " + found(size));
      }
      sizes.push_back(size.get<std::int64_t>());
    }
    return sizes;
  }

  std::pair<std::size_t, std::size_t> offsets(std::size_t data_bytes) const {
    const json& value = member("data_offsets");
    const bool is_pair =
        value.is_array() && value.size() == 2 && value[0].is_number_unsigned() && value[1].is_number_unsigned();
    if (!is_pair) fail("expected [begin, end] as data_offsets, found " + found(value));
    const auto begin = value[0].get<std::uint64_t>();
    const auto end = value[1].get<std::uint64_t>();
    if (begin > end || end > data_bytes) {
      fail(fmt::format("data_offsets [{}, {}] do not lie in the {} bytes of data", begin, end, data_bytes));
    }
    return {begin, end};
  }

  std::size_t bytes_of(const SafetensorsEntry& entry) const {
    std::size_t strides = c10::elementSize(entry.dtype);  // LibTorch multiplies these even beside a zero size
    bool is_empty = false;
    for (const std::int64_t size : entry.shape) {
      const auto factor = static_cast<std::size_t>(std::max<std::int64_t>(size, 1));
      constexpr std::size_t kMax = std::numeric_limits<std::int64_t>::max();
      if (strides > kMax / factor) fail(fmt::format("shape {} is too large", entry.shape));
      strides *= factor;
      is_empty = is_empty || size == 0;
    }
    return is_empty ? 0 : strides;
  }

  const std::string& name_;
  const json& object_;
  const std::filesystem::path& path_;
};

/// Throws on a key that its object already has (which a parser would silently resolve) and on deep nesting.
class StructureCheck {
 public:
  explicit StructureCheck(const std::filesystem::path& path) : path_(path) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    if (depth > kMaxJsonDepth) throw FormatError(path_, "[safetensors] the header is nested too deeply");
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end) keys_.pop_back();
    if (event == json::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second) {
      throw FormatError(path_, fmt::format("[safetensors] the header has two '{}'", parsed.get<std::string>()));
    }
    return true;
  }

 private:
  const std::filesystem::path& path_;
  std::vector<std::set<std::string>> keys_;
};

json parse_json(std::string_view text, const std::filesystem::path& path) {
  StructureCheck check(path);
  try {
    json header = json::parse(
        text, [&](int depth, json::parse_event_t event, json& parsed) { return check(depth, event, parsed); });
    if (header.is_object()) return header;
  } catch (const json::exception& error) {
    throw FormatError(path, fmt::format("[safetensors] the header is not JSON: {}", error.what()));
  }
  throw FormatError(path, "[safetensors] the header is not a JSON object");
}

Metadata read_metadata(const json& object, const std::filesystem::path& path) {
  Metadata metadata;
  if (!object.is_object()) throw FormatError(path, "[safetensors] __metadata__ is not an object");
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) {
      throw FormatError(
          path, fmt::format("[safetensors] __metadata__ '{}': expected text, found {}", key, value.type_name()));
    }
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

/// Every byte of the data must belong to exactly one tensor.
void check_tiling(const std::vector<SafetensorsEntry>& entries, std::size_t data_begin, std::size_t file_bytes,
                  const std::filesystem::path& path) {
  std::size_t reached = data_begin;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != reached) {
      throw FormatError(path, fmt::format("[safetensors] tensor '{}': expected to begin at offset {}, found {} ({})",
                                          entry.name, reached - data_begin, entry.begin - data_begin,
                                          entry.begin < reached ? "tensors overlap" : "bytes without owner"));
    }
    reached = entry.end;
  }
  if (reached == file_bytes) return;
  throw FormatError(path, fmt::format("[safetensors] {} bytes behind the last tensor", file_bytes - reached));
}

}  // namespace

std::size_t safetensors_header_length(std::span<const std::byte> begin, std::size_t file_bytes,
                                      const std::filesystem::path& path) {
  if (file_bytes < kSafetensorsLengthBytes) {
    throw FormatError(
        path, fmt::format("[safetensors] expected 8 bytes of header length, found {}{}", file_bytes, kOtherFile));
  }
  std::uint64_t length = 0;
  for (std::size_t i = kSafetensorsLengthBytes; i-- > 0;) {
    length = length << 8U | std::to_integer<std::uint64_t>(begin[i]);
  }
  const std::size_t room = std::min(file_bytes - kSafetensorsLengthBytes, kMaxSafetensorsHeader);
  if (length > room) {
    throw FormatError(path, fmt::format("[safetensors] a header of {} bytes is announced, at most {} are there or "
                                        "allowed{}",
                                        length, room, kOtherFile));
  }
  return length;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> begin, std::size_t file_bytes,
                                           const std::filesystem::path& path) {
  const std::size_t length = safetensors_header_length(begin, file_bytes, path);
  const std::size_t data_begin = kSafetensorsLengthBytes + length;
  const auto* text = reinterpret_cast<const char*>(begin.data()) + kSafetensorsLengthBytes;
  const json object = parse_json({text, length}, path);
  SafetensorsHeader header;
  for (const auto& [name, value] : object.items()) {
    if (name == kSafetensorsMetadataKey) {
      header.metadata = read_metadata(value, path);
    } else {
      header.entries.push_back(EntryReader(name, value, path).read(data_begin, file_bytes - data_begin));
    }
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  check_tiling(header.entries, data_begin, file_bytes, path);
  return header;
}

const char* safetensors_dtype_name(c10::ScalarType dtype) {
  for (const auto& [name, type] : kSafetensorsDtypes) {
    if (type == dtype) return name;
  }
  throw std::invalid_argument(fmt::format("[safetensors] dtype {} cannot be written", c10::toString(dtype)));
}

}  // namespace margay::model
