#include "margay/export/onnx_model.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/protobuf_writer.h"
#include "margay/core/unicode.h"
#include "margay/export/onnx_names.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;
using core::ProtobufMessage;

static_assert(std::endian::native == std::endian::little, "elements are copied as they lie in memory");

// Field numbers of onnx/onnx.proto.
constexpr int kModelIrVersion = 1;
constexpr int kModelProducerName = 2;
constexpr int kModelProducerVersion = 3;
constexpr int kModelGraph = 7;
constexpr int kModelOpsetImport = 8;
constexpr int kModelMetadataProps = 14;
constexpr int kOpsetDomain = 1;
constexpr int kOpsetVersion = 2;
constexpr int kGraphNode = 1;
constexpr int kGraphName = 2;
constexpr int kGraphInitializer = 5;
constexpr int kGraphInput = 11;
constexpr int kGraphOutput = 12;
constexpr int kNodeInput = 1;
constexpr int kNodeOutput = 2;
constexpr int kNodeName = 3;
constexpr int kNodeOpType = 4;
constexpr int kNodeAttribute = 5;
constexpr int kAttributeName = 1;
constexpr int kAttributeFloat = 2;
constexpr int kAttributeInteger = 3;
constexpr int kAttributeString = 4;
constexpr int kAttributeFloats = 7;
constexpr int kAttributeIntegers = 8;
constexpr int kAttributeType = 20;
constexpr int kTensorDims = 1;
constexpr int kTensorDataType = 2;
constexpr int kTensorName = 8;
constexpr int kTensorRawData = 9;
constexpr int kTensorExternalData = 13;
constexpr int kTensorDataLocation = 14;
constexpr int kValueName = 1;
constexpr int kValueType = 2;
constexpr int kTypeTensor = 1;
constexpr int kTypeDenotation = 6;
constexpr int kTensorTypeElement = 1;
constexpr int kTensorTypeShape = 2;
constexpr int kShapeDim = 1;
constexpr int kDimValue = 1;
constexpr int kDimParam = 2;
constexpr int kDimDenotation = 3;
constexpr int kEntryKey = 1;
constexpr int kEntryValue = 2;

constexpr int kExternal = 1;  // TensorProto.DataLocation

}  // namespace

std::size_t element_bytes(OnnxType type) {
  switch (type) {
    case OnnxType::kUint8:
    case OnnxType::kInt8:
    case OnnxType::kBool:
      return 1;
    case OnnxType::kFloat:
    case OnnxType::kInt32:
      return 4;
    case OnnxType::kInt64:
    case OnnxType::kDouble:
      break;
  }
  return 8;
}

std::int64_t OnnxTensor::size() const {
  std::int64_t size = 1;
  for (const std::int64_t side : shape) size *= side;
  return size;
}

OnnxTensor onnx_constant(std::string name, OnnxType type, std::vector<std::int64_t> shape,
                         std::span<const std::byte> elements) {
  OnnxTensor tensor = {std::move(name), type, std::move(shape), {}};
  if (tensor.bytes() != elements.size()) {
    throw std::invalid_argument(fmt::format("[onnx] {} elements for {}, which has {}",
                                            elements.size() / element_bytes(type), tensor.name, tensor.size()));
  }
  tensor.elements = [bytes = std::string(reinterpret_cast<const char*>(elements.data()), elements.size())] {
    return bytes;
  };
  return tensor;
}

OnnxTensor onnx_floats(std::string name, std::vector<std::int64_t> shape, std::span<const float> values) {
  return onnx_constant(std::move(name), OnnxType::kFloat, std::move(shape), std::as_bytes(values));
}

OnnxTensor onnx_integers(std::string name, std::vector<std::int64_t> shape, std::span<const std::int64_t> values) {
  return onnx_constant(std::move(name), OnnxType::kInt64, std::move(shape), std::as_bytes(values));
}

std::vector<float> floats_of(const OnnxTensor& tensor) {
  if (tensor.type != OnnxType::kFloat) throw std::invalid_argument("[onnx] " + tensor.name + " is not of floats");
  const std::string bytes = tensor.elements();
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

namespace {

void append_value(ProtobufMessage& message, const OnnxAttribute& attribute) {
  enum { kFloat = 1, kInteger = 2, kString = 3, kFloats = 6, kIntegers = 7 };  // AttributeProto.AttributeType
  struct Visitor {
    ProtobufMessage& to;
    int operator()(std::int64_t value) const { return to.add_integer(kAttributeInteger, value), kInteger; }
    int operator()(float value) const { return to.add_float(kAttributeFloat, value), kFloat; }
    int operator()(const std::string& value) const { return to.add_bytes(kAttributeString, value), kString; }
    int operator()(const std::vector<std::int64_t>& values) const {
      for (const std::int64_t value : values) to.add_integer(kAttributeIntegers, value);
      return kIntegers;
    }
    int operator()(const std::vector<float>& values) const {
      for (const float value : values) to.add_float(kAttributeFloats, value);
      return kFloats;
    }
  };
  const int type = std::visit(Visitor{message}, attribute.value);
  message.add_integer(kAttributeType, type);
}

ProtobufMessage node_message(const OnnxNode& node) {
  ProtobufMessage message;
  for (const std::string& input : node.inputs) message.add_bytes(kNodeInput, input);
  for (const std::string& output : node.outputs) message.add_bytes(kNodeOutput, output);
  message.add_bytes(kNodeName, node.name).add_bytes(kNodeOpType, node.op);
  for (const OnnxAttribute& attribute : node.attributes) {
    ProtobufMessage entry;
    entry.add_bytes(kAttributeName, attribute.name);
    append_value(entry, attribute);
    message.add_message(kNodeAttribute, entry);
  }
  return message;
}

ProtobufMessage entry_message(std::string_view key, std::string_view value) {
  return ProtobufMessage().add_bytes(kEntryKey, key).add_bytes(kEntryValue, value);
}

ProtobufMessage value_message(const OnnxValue& value) {
  ProtobufMessage shape;
  for (std::size_t i = 0; i < value.shape.size(); ++i) {
    ProtobufMessage side;
    if (const auto* size = std::get_if<std::int64_t>(&value.shape[i])) {
      side.add_integer(kDimValue, *size);
    } else {
      side.add_bytes(kDimParam, std::get<std::string>(value.shape[i]));
    }
    if (!value.dimension_denotations.empty()) side.add_bytes(kDimDenotation, value.dimension_denotations.at(i));
    shape.add_message(kShapeDim, side);
  }
  ProtobufMessage tensor;
  tensor.add_integer(kTensorTypeElement, static_cast<int>(value.type));
  if (!value.shape.empty()) tensor.add_message(kTensorTypeShape, shape);  // no sides: the shape is not told
  ProtobufMessage type;
  type.add_message(kTypeTensor, tensor);
  if (!value.denotation.empty()) type.add_bytes(kTypeDenotation, value.denotation);
  return ProtobufMessage().add_bytes(kValueName, value.name).add_message(kValueType, type);
}

/// Where constants lie in a file of their own: from which byte on, by their places in the model; none: within the
/// model.
struct ExternalData {
  std::string file;  ///< its name, in the model's folder
  std::vector<std::optional<std::uint64_t>> offsets;
  std::uint64_t bytes = 0;
};

/// A constant without its elements.
ProtobufMessage tensor_message(const OnnxTensor& tensor) {
  ProtobufMessage message;
  for (const std::int64_t side : tensor.shape) message.add_integer(kTensorDims, side);
  return message.add_integer(kTensorDataType, static_cast<int>(tensor.type)).add_bytes(kTensorName, tensor.name);
}

ProtobufMessage external_message(const OnnxTensor& tensor, const std::string& file, std::uint64_t offset) {
  return tensor_message(tensor)
      .add_message(kTensorExternalData, entry_message("location", file))
      .add_message(kTensorExternalData, entry_message("offset", std::to_string(offset)))
      .add_message(kTensorExternalData, entry_message("length", std::to_string(tensor.bytes())))
      .add_integer(kTensorDataLocation, kExternal);
}

/// What stands before a constant's own bytes within the graph.
std::string tensor_head(const OnnxTensor& tensor) {
  const std::string head = tensor_message(tensor).begin_bytes(kTensorRawData, tensor.bytes()).bytes();
  return ProtobufMessage().begin_bytes(kGraphInitializer, head.size() + tensor.bytes()).bytes() + head;
}

void write_elements(const OnnxTensor& tensor, const std::function<void(std::string_view)>& write) {
  const std::string elements = tensor.elements();
  MARGAY_CHECK(elements.size() == tensor.bytes(), tensor.name + " has another size than its shape says");
  write(elements);
}

const std::string kSealZeros(64, '0');

/// A model cut where the bytes of constants stand.
class OnnxSerializer {
 public:
  OnnxSerializer(const OnnxModel& model, const ExternalData& external) : model_(model), external_(external) {
    ProtobufMessage head;
    for (const OnnxNode& node : model.nodes) head.add_message(kGraphNode, node_message(node));
    head.add_bytes(kGraphName, model.graph);
    graph_head_ = head.bytes();
    graph_bytes_ = graph_head_.size();
    for (std::size_t i = 0; i < model.tensors.size(); ++i) {
      tensor_heads_.push_back(head_of(i));
      graph_bytes_ += tensor_heads_.back().size() + (offset_of(i) ? 0 : model.tensors[i].bytes());
    }
    ProtobufMessage tail;
    for (const OnnxValue& value : model.inputs) tail.add_message(kGraphInput, value_message(value));
    for (const OnnxValue& value : model.outputs) tail.add_message(kGraphOutput, value_message(value));
    graph_tail_ = tail.bytes();
    graph_bytes_ += graph_tail_.size();
    set_frame();
  }

  std::uint64_t bytes() const { return model_head_.size() + graph_bytes_ + model_tail_.size(); }

  /// data_sha256: of the file that holds constants; "" without one.
  void write(const std::function<void(std::string_view)>& write, const std::string& data_sha256 = "") const {
    core::Sha256 sum;
    const auto put = [&](std::string_view bytes) {
      if (seal_at_) sum.update(bytes);
      write(bytes);
    };
    put(model_head_);
    put(graph_head_);
    for (std::size_t i = 0; i < tensor_heads_.size(); ++i) {
      put(tensor_heads_[i]);
      if (!offset_of(i)) write_elements(model_.tensors[i], put);
    }
    put(graph_tail_);
    write(seal_at_ ? sealed_tail(sum, data_sha256) : model_tail_);
  }

 private:
  std::optional<std::uint64_t> offset_of(std::size_t i) const {
    return external_.offsets.empty() ? std::nullopt : external_.offsets[i];
  }

  std::string head_of(std::size_t i) const {
    const OnnxTensor& tensor = model_.tensors[i];
    const auto offset = offset_of(i);
    if (!offset) return tensor_head(tensor);
    return ProtobufMessage().add_message(kGraphInitializer, external_message(tensor, external_.file, *offset)).bytes();
  }

  std::string sealed_tail(core::Sha256& sum, const std::string& data_sha256) const {
    sum.update(model_tail_);
    sum.update(data_sha256);
    std::string tail = model_tail_;
    return tail.replace(*seal_at_, kSealZeros.size(), sum.finish());
  }

  void set_frame() {
    model_head_ = ProtobufMessage()
                      .add_integer(kModelIrVersion, model_.ir_version)
                      .add_bytes(kModelProducerName, model_.producer)
                      .add_bytes(kModelProducerVersion, model_.producer_version)
                      .begin_bytes(kModelGraph, graph_bytes_)
                      .bytes();
    ProtobufMessage tail;
    tail.add_message(kModelOpsetImport,
                     ProtobufMessage().add_bytes(kOpsetDomain, "").add_integer(kOpsetVersion, model_.opset));
    for (const auto& [key, value] : model_.metadata) {
      const bool is_seal = key == kSealKey;
      tail.add_message(kModelMetadataProps, entry_message(key, is_seal ? kSealZeros : value));
      if (is_seal) seal_at_ = tail.bytes().size() - kSealZeros.size();
    }
    model_tail_ = tail.bytes();
  }

  const OnnxModel& model_;
  const ExternalData& external_;
  std::string model_head_;
  std::string graph_head_;
  std::vector<std::string> tensor_heads_;
  std::string graph_tail_;
  std::string model_tail_;
  std::optional<std::size_t> seal_at_;  ///< where the seal stands in the tail
  std::uint64_t graph_bytes_ = 0;
};

constexpr std::uint64_t kPage = 4096;  ///< as the standard recommends, so that files can be mapped

/// All constants but the small ones, which tools that look at shapes want to see.
ExternalData place_externally(const OnnxModel& model, std::string file) {
  constexpr std::uint64_t kFewest = 1024;
  ExternalData external{std::move(file), {}, 0};
  for (const OnnxTensor& tensor : model.tensors) {
    external.offsets.emplace_back();
    if (tensor.bytes() < kFewest) continue;
    external.bytes = (external.bytes + kPage - 1) / kPage * kPage;
    external.offsets.back() = external.bytes;
    external.bytes += tensor.bytes();
  }
  return external;
}

/// Returns the file's SHA-256.
std::string write_external(core::AtomicFile& file, const OnnxModel& model, const ExternalData& external) {
  core::Sha256 sum;
  const auto put = [&](std::string_view bytes) {
    sum.update(bytes);
    file.write(bytes);
  };
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < model.tensors.size(); ++i) {
    if (!external.offsets[i]) continue;
    put(std::string(*external.offsets[i] - at, '\0'));
    write_elements(model.tensors[i], put);
    at = *external.offsets[i] + model.tensors[i].bytes();
  }
  return sum.finish();
}

void remove_model(const fs::path& path) {
  std::error_code failure;
  fs::remove(path, failure);
  if (failure) throw core::IoError(path, "cannot be replaced", failure.value());
}

std::vector<fs::path> write_with_data(const fs::path& path, const OnnxModel& model) {
  fs::path data_path = path;
  data_path += ".data";
  const ExternalData external = place_externally(model, data_path.filename().string());
  const OnnxSerializer serializer(model, external);
  if (serializer.bytes() > kLargestOnnxBytes) throw core::Error("[onnx] the graph itself exceeds 2 GB");
  core::AtomicFile data(data_path);
  const std::string data_sha256 = write_external(data, model, external);
  core::AtomicFile file(path);
  serializer.write([&](std::string_view bytes) { file.write(bytes); }, data_sha256);
  remove_model(path);
  data.commit();
  file.commit();
  return {path, data_path};
}

}  // namespace

void serialize_onnx(const OnnxModel& model, const std::function<void(std::string_view)>& write) {
  check_onnx(model);
  const ExternalData none;
  const OnnxSerializer serializer(model, none);
  if (serializer.bytes() > kLargestOnnxBytes) {
    throw core::Error("[onnx] a model of more than 2 GB does not fit into one message of Protocol Buffers");
  }
  serializer.write(write);
}

std::vector<fs::path> write_onnx(const fs::path& path, const OnnxModel& model, std::uint64_t most_bytes) {
  check_onnx(model);
  const ExternalData none;
  const OnnxSerializer serializer(model, none);
  if (serializer.bytes() > std::min(most_bytes, kLargestOnnxBytes)) return write_with_data(path, model);
  core::AtomicFile file(path);
  serializer.write([&](std::string_view bytes) { file.write(bytes); });
  file.commit();
  return {path};
}

namespace {

void check_text(const std::string& text, std::string_view what) {
  const auto place = core::first_non_utf8(text);
  if (!place) return;
  throw core::Error(fmt::format("[onnx] {} is not UTF-8, which ONNX files are written in: \"{}\"", what,
                                core::with_hidden_shown(text)));
}

/// The names of all values that there are; each is made once.
class OnnxNames {
 public:
  void add(const std::string& name) {
    check_text(name, "the name of a value");
    MARGAY_CHECK(!name.empty() && names_.insert(name).second, "two values are called " + name);
  }
  void require(const std::string& name) const { MARGAY_CHECK(names_.contains(name), "nothing earlier makes " + name); }

 private:
  std::set<std::string> names_;
};

}  // namespace

void check_onnx(const OnnxModel& model) {
  OnnxNames values;
  std::set<std::string> nodes;
  for (const OnnxValue& input : model.inputs) values.add(input.name);
  for (const OnnxTensor& tensor : model.tensors) values.add(tensor.name);
  for (const OnnxNode& node : model.nodes) {
    MARGAY_CHECK(nodes.insert(node.name).second, "two nodes are called " + node.name);
    for (const std::string& input : node.inputs) {
      if (!input.empty()) values.require(input);
    }
    for (const std::string& output : node.outputs) values.add(output);
  }
  for (const OnnxValue& output : model.outputs) values.require(output.name);
  for (const auto& [key, value] : model.metadata) check_text(value, "the metadata " + key);
}

}  // namespace margay::exporting
