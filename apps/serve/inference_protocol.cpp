#include "apps/serve/inference_protocol.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"
#include "margay/http/base64.h"
#include "margay/http/target.h"

namespace margay::routes {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
static_assert(std::endian::native == std::endian::little, "tensors in binary are copied as they lie in memory");

[[noreturn]] void refuse(const std::string& reason) { throw http::RequestError(400, reason); }
[[noreturn]] void refuse_size(const std::string& reason) { throw http::RequestError(413, reason); }

/// A name from a request as it may stand in a message.
std::string named(std::string_view name) { return "'" + core::fitted(core::spelled_out(name), 80) + "'"; }

/// The elements of one input, taken out of the document while it is parsed, so that a million numbers never become a
/// million JSON values.
struct CollectedData {
  std::vector<float> numbers;
  std::vector<std::string> texts;
  bool is_given = false;
};

/// Follows the parser through inputs[*].data. Depths are those of nlohmann's callback: keys of the document 1, of an
/// input 3, elements of its data 4 or more, since data may be nested.
class DataCollector {
 public:
  explicit DataCollector(const InferenceLimits& limits) : limits_(limits) {}

  /// Whether the document keeps what was parsed.
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    constexpr int kDeepest = 16;
    if (depth > kDeepest) refuse("the JSON is nested too deeply");
    if (event == json::parse_event_t::key) return see_key(depth, parsed.get_ref<const std::string&>());
    if (event == json::parse_event_t::object_start) see_object(depth);
    if (event == json::parse_event_t::value && is_in_data_ && depth >= 4) return take(parsed), false;
    if (event == json::parse_event_t::value && ++other_values_ > kMostOtherValues) refuse_size("too many JSON values");
    return true;
  }

  std::vector<CollectedData>& inputs() { return inputs_; }

 private:
  static constexpr std::size_t kMostOtherValues = 100'000;

  bool see_key(int depth, const std::string& key) {
    if (depth == 1) is_in_inputs_ = key == "inputs", is_in_data_ = false;
    if (depth != 3 || !is_in_inputs_) return true;
    is_in_data_ = key == "data";
    if (!is_in_data_) return true;
    if (inputs_.back().is_given) refuse("an input has two fields data");
    inputs_.back().is_given = true;
    return true;
  }

  void see_object(int depth) {
    if (is_in_data_ && depth >= 3) refuse("the data of an input may hold no objects");
    if (depth == 2 && is_in_inputs_) inputs_.emplace_back();
  }

  void take(json& value) {
    CollectedData& data = inputs_.back();
    if (value.is_string()) {
      if (std::ssize(data.texts) >= limits_.images) {
        refuse_size(fmt::format("a tensor of BYTES has more than {} elements", limits_.images));
      }
      data.texts.push_back(std::move(value.get_ref<std::string&>()));
    } else if (value.is_number()) {
      if (std::ssize(data.numbers) >= limits_.numbers) {
        refuse_size(fmt::format("a tensor of FP32 has more than {} elements", limits_.numbers));
      }
      data.numbers.push_back(value.get<float>());
    } else {
      refuse("the data of an input must be numbers (FP32) or strings (BYTES)");
    }
  }

  InferenceLimits limits_;
  std::vector<CollectedData> inputs_;
  std::size_t other_values_ = 0;
  bool is_in_inputs_ = false;
  bool is_in_data_ = false;
};

json parse_document(std::string_view text, DataCollector& collector) {
  try {
    return json::parse(text, std::ref(collector));
  } catch (const json::exception& error) {
    refuse(fmt::format("the body is no JSON: {}", core::fitted(core::one_line(error.what()), 200)));
  }
}

/// The member of an object, or null.
const json* member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text_member(const json& object, const char* name, const std::string& where) {
  const json* value = member(object, name);
  if (value == nullptr || !value->is_string()) refuse(fmt::format("{} needs `{}`, a string", where, name));
  return value->get<std::string>();
}

/// An object, where there is one.
const json* parameters_of(const json& object, const std::string& where) {
  const json* parameters = member(object, "parameters");
  if (parameters != nullptr && !parameters->is_object()) refuse(where + ": parameters must be an object");
  return parameters;
}

std::optional<std::int64_t> count_parameter(const json* parameters, const char* name, const std::string& where) {
  const json* value = parameters == nullptr ? nullptr : member(*parameters, name);
  if (value == nullptr) return std::nullopt;
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (value->is_number_integer()) {
    const auto count = value->get<std::int64_t>();
    if (count >= 0 && count <= kMost) return count;
  }
  refuse(fmt::format("{}: parameters.{} must be a whole number, 0 or more", where, name));
}

bool switch_parameter(const json* parameters, const char* name, bool otherwise, const std::string& where) {
  const json* value = parameters == nullptr ? nullptr : member(*parameters, name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) refuse(fmt::format("{}: parameters.{} must be true or false", where, name));
  return value->get<bool>();
}

std::vector<std::int64_t> shape_of(const json& input, const std::string& where) {
  constexpr std::size_t kMostDimensions = 8;
  const json* shape = member(input, "shape");
  if (shape == nullptr || !shape->is_array() || shape->size() > kMostDimensions) {
    refuse(where + " needs `shape`, a list of whole numbers");
  }
  std::vector<std::int64_t> sizes;
  for (const json& size : *shape) {
    constexpr std::int64_t kMost = 1'000'000'000;
    if (!size.is_number_integer() || size.get<std::int64_t>() < 0 || size.get<std::int64_t>() > kMost) {
      refuse(where + ": each size in `shape` must be a whole number, 0 or more");
    }
    sizes.push_back(size.get<std::int64_t>());
  }
  return sizes;
}

/// The number of elements, or more than any limit where it would overflow.
std::int64_t elements_of(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size != 0 && count > std::numeric_limits<std::int64_t>::max() / size) {
      return std::numeric_limits<std::int64_t>::max();
    }
    count *= size;
  }
  return count;
}

std::string decoded_base64(const std::string& text, const std::string& where) {
  std::optional<std::string> bytes = http::base64_decoded(text);
  if (!bytes) refuse(where + ": a string is no base64");
  return *std::move(bytes);
}

/// The bytes of tensors behind the JSON, taken from the front.
class BinaryPart {
 public:
  explicit BinaryPart(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t size, const std::string& where) {
    if (size > rest_.size()) {
      refuse(fmt::format("{}: binary_data_size is {}, and {} bytes follow", where, size, rest_.size()));
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

std::vector<std::string> binary_texts(std::string_view bytes, const InferenceLimits& limits, const std::string& where) {
  std::vector<std::string> texts;
  while (!bytes.empty()) {
    std::uint32_t size = 0;
    if (bytes.size() < sizeof(size)) refuse(where + ": the binary data ends within the length of an element");
    std::memcpy(&size, bytes.data(), sizeof(size));
    bytes.remove_prefix(sizeof(size));
    if (size > bytes.size()) refuse(where + ": the binary data ends within an element");
    if (std::ssize(texts) >= limits.images) {
      refuse_size(fmt::format("{} has more than {} elements", where, limits.images));
    }
    texts.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return texts;
}

std::vector<float> binary_numbers(std::string_view bytes, const InferenceLimits& limits, const std::string& where) {
  if (bytes.size() % sizeof(float) != 0) refuse(where + ": the binary data of FP32 must be a multiple of 4 bytes");
  std::vector<float> numbers(bytes.size() / sizeof(float));
  if (std::ssize(numbers) > limits.numbers) {
    refuse_size(fmt::format("{} has more than {} elements", where, limits.numbers));
  }
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

void read_json_data(InputTensor& tensor, CollectedData& data, const json* parameters, const std::string& where) {
  if (!data.is_given) refuse(where + " needs `data`, or parameters.binary_data_size");
  const bool is_bytes = tensor.datatype == "BYTES";
  if (is_bytes ? !data.numbers.empty() : !data.texts.empty()) {
    refuse(fmt::format("{}: the data of {} must be {}", where, tensor.datatype, is_bytes ? "strings" : "numbers"));
  }
  tensor.numbers = std::move(data.numbers);
  tensor.bytes = std::move(data.texts);
  const json* content = parameters == nullptr ? nullptr : member(*parameters, "content_type");
  if (content == nullptr || *content != "base64") return;
  for (std::string& text : tensor.bytes) text = decoded_base64(text, where);
}

void check_elements(const InputTensor& tensor, const std::string& where) {
  const std::size_t given = tensor.datatype == "BYTES" ? tensor.bytes.size() : tensor.numbers.size();
  if (elements_of(tensor.shape) != static_cast<std::int64_t>(given)) {
    refuse(fmt::format("{}: a shape of [{}] does not have the {} elements given", where,
                       core::joined(tensor.shape, ", "), given));
  }
  if (std::any_of(tensor.numbers.begin(), tensor.numbers.end(), [](float x) { return !std::isfinite(x); })) {
    refuse(where + " holds a non-finite number");
  }
}

InputTensor read_input(const json& input, CollectedData& data, BinaryPart& binary, const InferenceLimits& limits) {
  InputTensor tensor{.name = text_member(input, "name", "an input")};
  const std::string where = "input " + named(tensor.name);
  tensor.datatype = text_member(input, "datatype", where);
  tensor.shape = shape_of(input, where);
  if (tensor.datatype != "BYTES" && tensor.datatype != "FP32") {
    refuse(fmt::format("{}: datatype must be BYTES (image files) or FP32 (pixels), got {}", where,
                       named(tensor.datatype)));
  }
  const json* parameters = parameters_of(input, where);
  if (const auto size = count_parameter(parameters, "binary_data_size", where)) {
    if (data.is_given) refuse(where + " has both `data` and parameters.binary_data_size");
    const std::string_view bytes = binary.take(static_cast<std::size_t>(*size), where);
    if (tensor.datatype == "BYTES") {
      tensor.bytes = binary_texts(bytes, limits, where);
    } else {
      tensor.numbers = binary_numbers(bytes, limits, where);
    }
  } else {
    read_json_data(tensor, data, parameters, where);
  }
  check_elements(tensor, where);
  return tensor;
}

RequestedOutput read_output(const json& output, TensorForm default_form) {
  if (!output.is_object()) refuse("each of the outputs must be an object");
  RequestedOutput requested{.name = text_member(output, "name", "an output")};
  const std::string where = "output " + named(requested.name);
  const json* parameters = parameters_of(output, where);
  const bool is_binary = switch_parameter(parameters, "binary_data", default_form == TensorForm::kBinary, where);
  requested.form = is_binary ? TensorForm::kBinary : TensorForm::kJson;
  requested.classification = count_parameter(parameters, "classification", where).value_or(0);
  return requested;
}

/// The length of the JSON before binary data; nothing where all of the body is JSON.
std::optional<std::size_t> parse_json_length(const std::optional<std::string>& header, std::size_t body) {
  if (!header) return std::nullopt;
  std::size_t length = 0;
  const auto [end, problem] = std::from_chars(header->data(), header->data() + header->size(), length);
  if (problem != std::errc{} || end != header->data() + header->size() || length > body) {
    refuse(fmt::format("{} must be a number of bytes of the body, 0 … {}", kJsonLengthHeader, body));
  }
  return length;
}

InferenceRequest raw_request(std::string_view body, std::string_view input) {
  InferenceRequest request;
  request.inputs.push_back(
      {.name = std::string(input), .datatype = "BYTES", .shape = {1}, .bytes = {std::string(body)}, .numbers = {}});
  return request;
}

void read_inputs(InferenceRequest& request, const json& document, DataCollector& collector, BinaryPart& binary,
                 const InferenceLimits& limits) {
  const json* inputs = member(document, "inputs");
  if (inputs == nullptr || !inputs->is_array() || inputs->empty()) refuse("the body needs `inputs`, a list of tensors");
  for (const json& input : *inputs) {
    if (!input.is_object()) refuse("each of the inputs must be an object");
  }
  if (inputs->size() != collector.inputs().size()) refuse("the body has two fields inputs");
  for (std::size_t i = 0; i < inputs->size(); ++i) {
    request.inputs.push_back(read_input((*inputs)[i], collector.inputs()[i], binary, limits));
  }
}

}  // namespace

InferenceRequest parse_inference(std::string_view body, const std::optional<std::string>& json_length,
                                 const InferenceLimits& limits, std::string_view raw_input) {
  const std::optional<std::size_t> length = parse_json_length(json_length, body.size());
  if (length == 0) return raw_request(body, raw_input);
  DataCollector collector(limits);
  const json document = parse_document(body.substr(0, length.value_or(body.size())), collector);
  if (!document.is_object()) refuse("the body must be a JSON object");
  InferenceRequest request;
  if (member(document, "id") != nullptr) request.id = text_member(document, "id", "the request");
  const json* parameters = parameters_of(document, "the request");
  const bool is_binary = switch_parameter(parameters, "binary_data_output", false, "the request");
  request.default_form = is_binary ? TensorForm::kBinary : TensorForm::kJson;
  BinaryPart binary(length ? body.substr(*length) : std::string_view());
  read_inputs(request, document, collector, binary, limits);
  if (binary.left() > 0) refuse(fmt::format("{} bytes follow the last binary tensor", binary.left()));
  const json* outputs = member(document, "outputs");
  if (outputs == nullptr) return request;
  if (!outputs->is_array()) refuse("`outputs` must be a list");
  for (const json& output : *outputs) request.outputs.push_back(read_output(output, request.default_form));
  return request;
}

namespace {

const char* datatype_of(const std::vector<float>& /*data*/) { return "FP32"; }
const char* datatype_of(const std::vector<double>& /*data*/) { return "FP64"; }
const char* datatype_of(const std::vector<std::string>& /*data*/) { return "BYTES"; }
const char* datatype_of(const std::vector<bool>& /*data*/) { return "BOOL"; }

template <class T>
std::string binary_of(const std::vector<T>& data) {
  return {reinterpret_cast<const char*>(data.data()), data.size() * sizeof(T)};
}

std::string binary_of(const std::vector<bool>& data) {
  std::string bytes;
  for (const bool value : data) bytes += value ? '\1' : '\0';
  return bytes;
}

std::string binary_of(const std::vector<std::string>& data) {
  std::string bytes;
  for (const std::string& text : data) {
    const auto size = static_cast<std::uint32_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof(size)).append(text);
  }
  return bytes;
}

}  // namespace

InferenceBody write_inference(const InferenceOrigin& origin, const std::vector<OutputTensor>& outputs) {
  ordered_json document = {{"model_name", origin.model_name}, {"model_version", origin.model_version}};
  if (!origin.id.empty()) document["id"] = origin.id;
  document["outputs"] = ordered_json::array();
  std::string binary;
  bool has_binary = false;
  for (const OutputTensor& output : outputs) {
    std::visit(
        [&](const auto& data) {
          ordered_json tensor = {{"name", output.name}, {"datatype", datatype_of(data)}, {"shape", output.shape}};
          if (output.form == TensorForm::kBinary) {
            const std::string bytes = binary_of(data);
            tensor["parameters"] = {{"binary_data_size", bytes.size()}};
            binary += bytes;
            has_binary = true;
          } else {
            tensor["data"] = data;
          }
          document["outputs"].push_back(std::move(tensor));
        },
        output.data);
  }
  InferenceBody body{.bytes = document.dump(-1, ' ', false, ordered_json::error_handler_t::replace), .json_length = {}};
  if (has_binary) body.json_length = body.bytes.size();
  body.bytes += binary;
  return body;
}

std::vector<std::string> classification_of(const std::vector<float>& values, const std::vector<std::string>& labels,
                                           std::int64_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(std::max<std::int64_t>(count, 0))));
  std::vector<std::string> classes;
  classes.reserve(order.size());
  for (const std::size_t k : order) classes.push_back(fmt::format("{}:{}:{}", values[k], k, labels.at(k)));
  return classes;
}

}  // namespace margay::routes
