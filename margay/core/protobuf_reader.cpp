#include "margay/core/protobuf_reader.h"

#include <bit>

#include <fmt/format.h>

#include "margay/core/unicode.h"

namespace margay::core {
namespace {

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    number |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
  }
  return number;
}

template <class T>
void append_within(std::size_t most, std::vector<T>& values, T value) {
  if (values.size() >= most) throw ProtobufError(fmt::format("a list of more than {} numbers", most));
  values.push_back(value);
}

}  // namespace

void ProtobufField::require(WireType type, const char* what) const {
  if (type_ != type) throw ProtobufError(fmt::format("field {} is no {}", number_, what));
}

std::int64_t ProtobufField::integer() const {
  require(WireType::kVarint, "integer");
  return static_cast<std::int64_t>(value_);
}

float ProtobufField::real() const {
  require(WireType::kFixed32, "float");
  return std::bit_cast<float>(static_cast<std::uint32_t>(value_));
}

double ProtobufField::double_real() const {
  require(WireType::kFixed64, "double");
  return std::bit_cast<double>(value_);
}

std::string_view ProtobufField::bytes() const {
  require(WireType::kLengthDelimited, "string, bytes or message");
  return bytes_;
}

std::string ProtobufField::text() const {
  if (first_non_utf8(bytes())) throw ProtobufError(fmt::format("field {} is text that is not UTF-8", number_));
  return std::string(bytes_);
}

void ProtobufField::append_to(std::vector<std::int64_t>& values, std::size_t most) const {
  if (type_ != WireType::kLengthDelimited) return append_within(most, values, integer());
  ProtobufReader packed(bytes_);
  while (!packed.rest_.empty()) append_within(most, values, static_cast<std::int64_t>(packed.take_varint()));
}

void ProtobufField::append_to(std::vector<float>& values, std::size_t most) const {
  if (type_ != WireType::kLengthDelimited) return append_within(most, values, real());
  ProtobufReader packed(bytes_);
  while (!packed.rest_.empty()) {
    append_within(most, values, std::bit_cast<float>(static_cast<std::uint32_t>(packed.take_fixed(sizeof(float)))));
  }
}

std::string_view ProtobufReader::take(std::uint64_t size) {
  if (size > rest_.size()) {
    throw ProtobufError(
        fmt::format("it ends within a field: {} bytes are announced, {} are there", size, rest_.size()));
  }
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::uint64_t ProtobufReader::take_fixed(std::size_t size) { return little_endian(take(size)); }

std::uint64_t ProtobufReader::take_varint() {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(take(1).front());
    if (shift == 63 && byte > 1) break;
    number |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return number;
  }
  throw ProtobufError("a number of more than 64 bits");
}

std::optional<ProtobufField> ProtobufReader::next() {
  if (rest_.empty()) return std::nullopt;
  const std::uint64_t key = take_varint();
  constexpr std::uint64_t kLargestField = (1U << 29U) - 1;
  if (key >> 3U == 0 || key >> 3U > kLargestField) throw ProtobufError(fmt::format("field {} is none", key >> 3U));
  ProtobufField field;
  field.number_ = static_cast<int>(key >> 3U);
  field.type_ = static_cast<ProtobufField::WireType>(key & 7U);
  switch (field.type_) {
    case ProtobufField::WireType::kVarint:
      field.value_ = take_varint();
      return field;
    case ProtobufField::WireType::kFixed64:
      field.value_ = take_fixed(8);
      return field;
    case ProtobufField::WireType::kLengthDelimited:
      field.bytes_ = take(take_varint());
      return field;
    case ProtobufField::WireType::kFixed32:
      field.value_ = take_fixed(4);
      return field;
  }
  throw ProtobufError(fmt::format("field {} is of wire type {}, which is none", field.number_, key & 7U));
}

}  // namespace margay::core
