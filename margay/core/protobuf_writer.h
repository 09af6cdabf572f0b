#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace margay::core {

/// Appends a number's bytes in little-endian order on any machine.
template <std::unsigned_integral T>
void append_little_endian(std::string& bytes, T number) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xFFU));
}

/// A Protocol Buffers message in its wire format, field after field (https://protobuf.dev/programming-guides/encoding).
/// It is written by hand and not with libprotobuf, because LibTorch's own archives contain headers of another version,
/// which are found before the system's, and a CMake target protobuf::libprotobuf that links nothing.
class ProtobufMessage {
 public:
  /// int32, int64, enum, bool.
  ProtobufMessage& add_integer(int field, std::int64_t value);
  ProtobufMessage& add_double(int field, double value);
  ProtobufMessage& add_float(int field, float value);
  /// string (UTF-8), bytes.
  ProtobufMessage& add_bytes(int field, std::string_view value);
  ProtobufMessage& add_message(int field, const ProtobufMessage& value) { return add_bytes(field, value.bytes()); }
  /// What stands before `size` bytes of a string, bytes or message that the caller writes after bytes() himself, so
  /// that gigabytes need not be in memory.
  ProtobufMessage& begin_bytes(int field, std::uint64_t size);

  const std::string& bytes() const { return bytes_; }

 private:
  enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

  void begin_field(int field, WireType type);
  void append_varint(std::uint64_t value);

  std::string bytes_;
};

}  // namespace margay::core
