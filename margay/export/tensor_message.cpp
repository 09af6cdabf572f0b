#include "margay/export/tensor_message.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::exporting {
namespace {

using MessageJson = nlohmann::ordered_json;

constexpr std::array kElementTypes = {ElementType::kFloat32, ElementType::kUint8, ElementType::kInt64};

[[noreturn]] void refuse_message(const std::string& problem) {
  throw core::Error("what it sends is no safetensors message: " + problem);
}

/// The number of elements times the bytes of each; nothing where a dimension is negative or the product exceeds `most`.
std::optional<std::size_t> bytes_of_shape(const std::vector<std::int64_t>& shape, ElementType type, std::size_t most) {
  std::size_t bytes = element_bytes(type);
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size > 0 && bytes > most / static_cast<std::size_t>(size)) return std::nullopt;
    bytes *= static_cast<std::size_t>(size);
  }
  return bytes;
}

ElementType type_named(const std::string& name) {
  for (const ElementType type : kElementTypes) {
    if (name == safetensors_name(type)) return type;
  }
  refuse_message(fmt::format("a tensor of type '{}'; F32, U8 and I64 are understood", core::spelled_out(name)));
}

/// Where a tensor's bytes lie in the data.
struct MessagePart {
  RuntimeTensor tensor;
  std::size_t begin = 0;
  std::size_t end = 0;
};

MessagePart message_part(const std::string& name, const MessageJson& json, const MessageLimits& limits) {
  MessagePart part;
  part.tensor.name = name;
  part.tensor.type = type_named(json.at("dtype").get<std::string>());
  part.tensor.shape = json.at("shape").get<std::vector<std::int64_t>>();
  const auto offsets = json.at("data_offsets").get<std::vector<std::size_t>>();
  const auto bytes = bytes_of_shape(part.tensor.shape, part.tensor.type, limits.data_bytes);
  if (offsets.size() != 2 || offsets[1] < offsets[0] || offsets[1] > limits.data_bytes || !bytes ||
      offsets[1] - offsets[0] != *bytes) {
    refuse_message(fmt::format("tensor '{}' of shape [{}] at {}", core::spelled_out(name),
                               core::joined(part.tensor.shape, ","), json.at("data_offsets").dump()));
  }
  part.begin = offsets[0];
  part.end = offsets[1];
  return part;
}

struct MessageHeader {
  std::map<std::string, std::string> notes;
  std::vector<MessagePart> parts;
};

MessageHeader parsed_header(const std::string& text, const MessageLimits& limits) {
  try {
    MessageHeader header;
    for (const auto& [name, json] : MessageJson::parse(text).get<std::map<std::string, MessageJson>>()) {
      if (name == "__metadata__") {
        header.notes = json.get<std::map<std::string, std::string>>();
      } else {
        header.parts.push_back(message_part(name, json, limits));
      }
    }
    return header;
  } catch (const nlohmann::json::exception& problem) {
    refuse_message(core::one_line(core::valid_utf8(problem.what())));
  }
}

std::uint64_t header_length(const ReadBytes& read) {
  std::array<std::uint8_t, 8> bytes{};
  read(bytes);
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) length |= std::uint64_t{bytes[i]} << (8 * i);
  return length;
}

/// The data must have no gaps, so that its length is what the tensors say.
std::vector<std::uint8_t> message_data(std::vector<MessagePart>& parts, const ReadBytes& read) {
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  std::size_t end = 0;
  for (const MessagePart& part : parts) {
    if (part.begin != end) refuse_message("its tensors overlap or leave gaps");
    end = part.end;
  }
  std::vector<std::uint8_t> data(end);
  read(data);
  return data;
}

void append(std::vector<std::uint8_t>& bytes, const void* more, std::size_t count) {
  const auto* from = static_cast<const std::uint8_t*>(more);
  bytes.insert(bytes.end(), from, from + count);
}

std::string header_text(const TensorMessage& message) {
  MessageJson header = MessageJson::object();
  if (!message.notes.empty()) header["__metadata__"] = message.notes;
  std::size_t at = 0;
  for (const RuntimeTensor& tensor : message.tensors) {
    if (bytes_of_shape(tensor.shape, tensor.type, tensor.bytes.size()) != tensor.bytes.size()) {
      throw std::invalid_argument(fmt::format("[encode] tensor '{}' has {} bytes for the shape [{}] of {}", tensor.name,
                                              tensor.bytes.size(), core::joined(tensor.shape, ","),
                                              safetensors_name(tensor.type)));
    }
    header[tensor.name] = {{"dtype", safetensors_name(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, at + tensor.bytes.size()}}};
    at += tensor.bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, MessageJson::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');  // the data begin at a multiple of 8
  return text;
}

}  // namespace

const char* safetensors_name(ElementType type) {
  if (type == ElementType::kFloat32) return "F32";
  return type == ElementType::kUint8 ? "U8" : "I64";
}

std::size_t element_bytes(ElementType type) {
  if (type == ElementType::kFloat32) return 4;
  return type == ElementType::kUint8 ? 1 : 8;
}

std::vector<float> RuntimeTensor::floats() const {
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

RuntimeTensor float_tensor(std::string name, std::vector<std::int64_t> shape, std::span<const float> values) {
  RuntimeTensor tensor{.name = std::move(name), .type = ElementType::kFloat32, .shape = std::move(shape)};
  append(tensor.bytes, values.data(), values.size_bytes());
  if (bytes_of_shape(tensor.shape, tensor.type, values.size_bytes()) == values.size_bytes()) return tensor;
  throw std::invalid_argument(fmt::format("[float_tensor] {} values do not fill the shape [{}]", values.size(),
                                          core::joined(tensor.shape, ",")));
}

std::string TensorMessage::note(const std::string& name) const {
  const auto found = notes.find(name);
  return found == notes.end() ? "" : found->second;
}

const RuntimeTensor* TensorMessage::find(const std::string& name) const {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const RuntimeTensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

std::vector<std::uint8_t> encode(const TensorMessage& message) {
  const std::string header = header_text(message);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(header.size() >> (8 * i)));
  append(bytes, header.data(), header.size());
  for (const RuntimeTensor& tensor : message.tensors) append(bytes, tensor.bytes.data(), tensor.bytes.size());
  return bytes;
}

TensorMessage read_message(const ReadBytes& read, const MessageLimits& limits) {
  const std::uint64_t length = header_length(read);
  if (length < 2 || length > limits.header_bytes) {
    refuse_message(fmt::format("a header of {} bytes (2 … {} are possible)", length, limits.header_bytes));
  }
  std::string text(length, ' ');
  read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  MessageHeader header = parsed_header(text, limits);
  const std::vector<std::uint8_t> data = message_data(header.parts, read);
  TensorMessage message{.notes = std::move(header.notes)};
  for (MessagePart& part : header.parts) {
    part.tensor.bytes.assign(data.begin() + static_cast<std::ptrdiff_t>(part.begin),
                             data.begin() + static_cast<std::ptrdiff_t>(part.end));
    message.tensors.push_back(std::move(part.tensor));
  }
  return message;
}

}  // namespace margay::exporting
