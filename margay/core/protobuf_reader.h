#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/core/error.h"

namespace margay::core {

/// Bytes that are no Protocol Buffers message, or a field of another type than was asked for. what() says no file: who
/// reads one knows it.
class ProtobufError : public Error {
 public:
  using Error::Error;
};

class ProtobufReader;

/// One field of a message. Its bytes are those of the message, not a copy.
class ProtobufField {
 public:
  int number() const { return number_; }

  // Each throws ProtobufError for a field of another wire type.
  std::int64_t integer() const;    ///< int32, int64, enum, bool
  float real() const;              ///< float
  double double_real() const;      ///< double
  std::string_view bytes() const;  ///< string, bytes, message
  std::string text() const;        ///< a string, which must be UTF-8
  /// Of a repeated field, packed into one or on its own. Throws ProtobufError, too, before there are more than `most`
  /// values in all: packed numbers take up to eight times the memory of the message.
  void append_to(std::vector<std::int64_t>& values, std::size_t most = kAnyNumber) const;
  void append_to(std::vector<float>& values, std::size_t most = kAnyNumber) const;

  static constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

 private:
  friend class ProtobufReader;
  enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

  void require(WireType type, const char* what) const;

  int number_ = 0;
  WireType type_ = WireType::kVarint;
  std::uint64_t value_ = 0;  ///< of numbers; fixed ones as their bits
  std::string_view bytes_;
};

/// The fields of a message in the order in which they stand (https://protobuf.dev/programming-guides/encoding). It
/// takes no memory, whatever the bytes claim.
class ProtobufReader {
 public:
  /// message: stays with the caller, and outlives the fields.
  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  /// Nothing at the end. Throws ProtobufError for bytes that are no field.
  std::optional<ProtobufField> next();

 private:
  std::string_view take(std::uint64_t size);
  std::uint64_t take_varint();
  std::uint64_t take_fixed(std::size_t size);

  friend class ProtobufField;  // packed numbers have no fields

  std::string_view rest_;
};

}  // namespace margay::core
