#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// ONNX models. The folder is `export`; the namespace is not, as that is a word of C++.
namespace margay::exporting {

/// TensorProto.DataType.
enum class OnnxType : int { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kBool = 9, kDouble = 11 };

/// Bytes of one element.
std::size_t element_bytes(OnnxType type);

/// A constant of the graph, such as a weight.
struct OnnxTensor {
  std::string name;
  OnnxType type = OnnxType::kFloat;
  std::vector<std::int64_t> shape;
  /// Gives the elements, row-major, little-endian. Called whenever they are needed, so that weights are not kept twice.
  std::function<std::string()> elements;

  std::int64_t size() const;  ///< elements
  std::uint64_t bytes() const { return static_cast<std::uint64_t>(size()) * element_bytes(type); }
};

/// A constant of these elements, as OnnxTensor::elements gives them; onnx_floats and onnx_integers make float and int64
/// ones. Each throws std::invalid_argument where they are not as many as the shape says.
OnnxTensor onnx_constant(std::string name, OnnxType type, std::vector<std::int64_t> shape,
                         std::span<const std::byte> elements);
OnnxTensor onnx_floats(std::string name, std::vector<std::int64_t> shape, std::span<const float> values);
OnnxTensor onnx_integers(std::string name, std::vector<std::int64_t> shape, std::span<const std::int64_t> values);

/// The elements of a float constant (std::invalid_argument for another type).
std::vector<float> floats_of(const OnnxTensor& tensor);

struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>> value;

  bool operator==(const OnnxAttribute&) const = default;
};

/// An operator and the values that it reads and makes, by their names. "" stands for an optional input that is absent.
struct OnnxNode {
  std::string op;    ///< of the domain ai.onnx
  std::string name;  ///< unique
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<OnnxAttribute> attributes;
};

/// One side of an input or output: a number, or the name of what is known only when the model runs.
using OnnxDimension = std::variant<std::int64_t, std::string>;

/// An input or output of the graph.
struct OnnxValue {
  std::string name;
  OnnxType type = OnnxType::kFloat;
  std::vector<OnnxDimension> shape;                     ///< empty: not told
  std::string denotation = {};                          ///< "IMAGE", or nothing
  std::vector<std::string> dimension_denotations = {};  ///< one a dimension, such as "DATA_BATCH", or none at all
};

/// A model as the ONNX standard has it (github.com/onnx/onnx, docs/IR.md): one graph, whose nodes stand in an order in
/// which they can run.
struct OnnxModel {
  int ir_version = 8;
  int opset = 18;  ///< of the domain ai.onnx
  std::string producer;
  std::string producer_version;
  std::string graph = "classifier";  ///< its name
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> tensors;  ///< ONNX calls them initializers
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// The largest message that Protocol Buffers read.
inline constexpr std::uint64_t kLargestOnnxBytes = (std::uint64_t{1} << 31U) - 1;

/// The bytes of a file that holds all of the model, piece by piece: the same for the same model. Throws core::Error for
/// one of more than kLargestOnnxBytes, and what check_onnx throws.
void serialize_onnx(const OnnxModel& model, const std::function<void(std::string_view)>& write);

/// Writes NAME.onnx, and where it would exceed `most_bytes` NAME.onnx.data beside it, which then holds all constants of
/// 1 kB and more, each from a multiple of 4096 on (the standard's external data). The files appear complete or not at
/// all; where there are two, an earlier model of that name goes first, so that it never stands beside data of another.
/// A metadata entry kSealKey (onnx_names.h) gets the hash that belongs there, whatever its value. Constants are written
/// one after the other: memory grows by the largest only. Returns what was written, NAME.onnx first. Throws
/// core::IoError, and what check_onnx throws.
std::vector<std::filesystem::path> write_onnx(const std::filesystem::path& path, const OnnxModel& model,
                                              std::uint64_t most_bytes = kLargestOnnxBytes);

/// Throws core::InternalError where a node reads what no earlier one makes, where names repeat, and where an output is
/// made by none; core::Error naming the text that is not UTF-8, which Protocol Buffers' readers refuse.
void check_onnx(const OnnxModel& model);

}  // namespace margay::exporting
