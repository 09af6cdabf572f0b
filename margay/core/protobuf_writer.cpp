#include "margay/core/protobuf_writer.h"

#include <bit>

namespace margay::core {

ProtobufMessage& ProtobufMessage::add_integer(int field, std::int64_t value) {
  begin_field(field, WireType::kVarint);
  append_varint(static_cast<std::uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::add_double(int field, double value) {
  begin_field(field, WireType::kFixed64);
  append_little_endian(bytes_, std::bit_cast<std::uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::add_float(int field, float value) {
  begin_field(field, WireType::kFixed32);
  append_little_endian(bytes_, std::bit_cast<std::uint32_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::add_bytes(int field, std::string_view value) {
  begin_bytes(field, value.size());
  bytes_ += value;
  return *this;
}

ProtobufMessage& ProtobufMessage::begin_bytes(int field, std::uint64_t size) {
  begin_field(field, WireType::kLengthDelimited);
  append_varint(size);
  return *this;
}

void ProtobufMessage::begin_field(int field, WireType type) {
  append_varint(static_cast<std::uint64_t>(field) << 3U | static_cast<std::uint64_t>(type));
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
void ProtobufMessage::append_varint(std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) bytes_.push_back(static_cast<char>((value & 0x7FU) | 0x80U));
  bytes_.push_back(static_cast<char>(value));
}

}  // namespace margay::core
