#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace margay::exporting {

enum class ElementType { kFloat32, kUint8, kInt64 };

/// "F32", "U8" or "I64", as safetensors names it.
const char* safetensors_name(ElementType type);
/// 4, 1 or 8.
std::size_t element_bytes(ElementType type);

/// A tensor as it goes to a runtime and comes back: row-major, without gaps, in little-endian bytes.
struct RuntimeTensor {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;

  std::vector<float> floats() const;  ///< of a kFloat32
};

/// values: as many as the shape has elements (std::invalid_argument).
RuntimeTensor float_tensor(std::string name, std::vector<std::int64_t> shape, std::span<const float> values);

/// What a runner and Margay tell each other: tensors and notes. As bytes it is a safetensors file, whose header says
/// how long it is, so that one follows another on a pipe: 8 bytes with the length of the header, the header in JSON
/// (notes are its `__metadata__`), the tensors' bytes.
struct TensorMessage {
  std::map<std::string, std::string> notes;
  std::vector<RuntimeTensor> tensors;

  /// The note, or "".
  std::string note(const std::string& name) const;
  /// Null where there is none of the name.
  const RuntimeTensor* find(const std::string& name) const;
};

/// Throws std::invalid_argument for a tensor whose bytes do not fill its shape.
std::vector<std::uint8_t> encode(const TensorMessage& message);

/// What the other side may send.
struct MessageLimits {
  std::size_t header_bytes = std::size_t{1} << 20;
  std::size_t data_bytes = std::size_t{1} << 30;
};

/// Fills all of the bytes that it is given, or throws.
using ReadBytes = std::function<void(std::span<std::uint8_t> to)>;

/// Reads one message and nothing after it. Throws core::Error saying what is no message in the bytes, before memory is
/// taken for what they claim.
TensorMessage read_message(const ReadBytes& read, const MessageLimits& limits = {});

}  // namespace margay::exporting
