#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace margay::train {

/// A Protocol Buffers message in its wire format, field after field
/// (https://protobuf.dev/programming-guides/encoding). By hand and not with libprotobuf: LibTorch's own archives bring
/// headers of another version, found before the system's, and a CMake target protobuf::libprotobuf that links nothing.
class WireMessage {
 public:
  /// int32, int64, enum, bool.
  WireMessage& add_integer(int field, std::int64_t value);
  WireMessage& add_double(int field, double value);
  WireMessage& add_float(int field, float value);
  /// string (UTF-8), bytes.
  WireMessage& add_bytes(int field, std::string_view value);
  WireMessage& add_message(int field, const WireMessage& value) { return add_bytes(field, value.bytes()); }

  const std::string& bytes() const { return bytes_; }

 private:
  enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

  void begin_field(int field, WireType type);
  void append_varint(std::uint64_t value);

  std::string bytes_;
};

}  // namespace margay::train
