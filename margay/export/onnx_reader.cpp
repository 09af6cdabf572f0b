#include "margay/export/onnx_reader.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/protobuf_reader.h"
#include "margay/core/text.h"
#include "margay/export/onnx_names.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;
using core::ProtobufError;
using core::ProtobufField;
using core::ProtobufReader;

/// A problem, and where it is: ".node[3].attribute[0]".
class PlacedError : public ProtobufError {
 public:
  PlacedError(std::string place, std::string problem)
      : ProtobufError(place + ": " + problem), place_(std::move(place)), problem_(std::move(problem)) {}

  /// The same, seen from around it.
  PlacedError within(const std::string& outer) const { return {outer + place_, problem_}; }

 private:
  std::string place_;
  std::string problem_;
};

/// Does what may throw ProtobufError, and adds the place to it.
template <class Read>
void within(const std::string& place, Read&& read) {
  try {
    read();
  } catch (const PlacedError& error) {
    throw error.within(place);
  } catch (const ProtobufError& error) {
    throw PlacedError(place, error.what());
  }
}

/// The place of a message within another: ".node[3]".
template <class Read>
void within(const char* field, std::size_t index, Read&& read) {
  within(fmt::format(".{}[{}]", field, index), std::forward<Read>(read));
}

[[noreturn]] void refuse_field(const ProtobufField& field) {
  throw ProtobufError(fmt::format("has the field {}, which Margay does not write", field.number()));
}

std::string bytes_of_file(const fs::path& path, std::uint64_t most) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    throw core::DataError(path, fs::exists(path) ? "is no file" : "there is no such file");
  }
  const std::uint64_t size = fs::file_size(path, error);
  if (!error && size > most) {
    throw core::FormatError(path, fmt::format("has {} bytes; an ONNX file has at most {}", size, most));
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(error ? 0 : size, '\0');
  if (error || !file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw core::DataError(path, "cannot be read");
  }
  return bytes;
}

/// A part of a file beside the model.
std::string bytes_of_part(const fs::path& path, std::uint64_t offset, std::uint64_t length) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(length, '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(length))) {
    throw core::DataError(path, "cannot be read any more");
  }
  return bytes;
}

/// Reads one model; counts what it takes.
class OnnxParser {
 public:
  OnnxParser(OnnxFile& file, std::shared_ptr<const std::string> bytes, const OnnxLimits& limits)
      : file_(file), bytes_(std::move(bytes)), limits_(limits) {}

  void parse() {
    parse_frame();
    check_origin();
    if (!graph_) throw ProtobufError("the model has no graph");
    within("graph", [&] { parse_graph(*graph_); });
    set_seal();
  }

 private:
  void set_seal() const {
    const std::string_view whole = *bytes_;
    const auto at = static_cast<std::size_t>(seal_.data() == nullptr ? 0 : seal_.data() - whole.data());
    core::Sha256 sum;
    sum.update(whole.substr(0, at));
    sum.update(std::string(seal_.size(), '0'));
    sum.update(whole.substr(at + seal_.size()));
    for (const OnnxDataFile& file : file_.data) sum.update(file.sha256);
    file_.sealed_sha256 = sum.finish();
    file_.seal = file_.metadata(kSealKey);
  }

  void count(std::size_t parts = 1) {
    parts_ += parts;
    if (parts_ > limits_.parts) throw ProtobufError(fmt::format("more than {} parts", limits_.parts));
  }

  /// No more numbers than may be taken, whatever their field claims.
  template <class T>
  void append(const ProtobufField& field, std::vector<T>& numbers) {
    const std::size_t before = numbers.size();
    field.append_to(numbers, before + limits_.parts - parts_);
    count(numbers.size() - before);
  }

  /// All but the graph.
  void parse_frame() {
    OnnxModel& model = file_.model;
    model.ir_version = 0;
    model.opset = 0;
    ProtobufReader reader(*bytes_);
    while (const auto field = reader.next()) {
      count();
      if (field->number() == 1) {
        model.ir_version = static_cast<int>(field->integer());
      } else if (field->number() == 2) {
        model.producer = field->text();
      } else if (field->number() == 3) {
        model.producer_version = field->text();
      } else if (field->number() == 7) {
        if (graph_) throw ProtobufError("the model has two graphs");
        graph_ = field->bytes();
      } else if (field->number() == 8) {
        within("opset_import", [&] { parse_opset(field->bytes()); });
      } else if (field->number() == 14) {
        within("metadata_props", model.metadata.size(), [&] { model.metadata.push_back(entry(field->bytes())); });
      } else if (field->number() > 25) {
        throw ProtobufError(fmt::format("field {} is none of a model", field->number()));
      } else {
        other_field_ = field->number();
      }
    }
  }

  /// Whose it is comes before what is in it: files of others have parts that this reader does not know.
  void check_origin() const {
    const OnnxModel& model = file_.model;
    if (!graph_ || model.ir_version < 1) throw ProtobufError("it has no graph or no IR version");
    if (model.producer != kOnnxProducer) {
      const std::string producer = core::spelled_out(core::fitted(model.producer, 60));
      throw core::FormatError(
          file_.path, fmt::format("an ONNX file of {}, not one of Margay's, so its classes and what it was made of are "
                                  "not known; give a file that `export_bundle` wrote",
                                  producer.empty() ? "another program" : producer));
    }
    // domain 4, model_version 5, doc_string 6: remarks
    if (other_field_ > 6)
      throw ProtobufError(fmt::format("has the field {}, which Margay does not write", other_field_));
  }

  void parse_opset(std::string_view bytes) {
    std::string domain;
    std::int64_t version = 0;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number() == 1) domain = field->text();
      if (field->number() == 2) version = field->integer();
    }
    if (domain == "" || domain == "ai.onnx") file_.model.opset = static_cast<int>(version);
  }

  std::pair<std::string, std::string> entry(std::string_view bytes) {
    std::pair<std::string, std::string> entry;
    std::string_view value;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number() > 2) refuse_field(*field);
      if (field->number() == 2) value = field->bytes();
      (field->number() == 1 ? entry.first : entry.second) = field->text();
    }
    if (entry.first == kSealKey) seal_ = value;
    return entry;
  }

  void parse_graph(std::string_view bytes) {
    OnnxModel& model = file_.model;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      count();
      switch (field->number()) {
        case 1:
          within("node", model.nodes.size(), [&] { model.nodes.push_back(node(field->bytes())); });
          break;
        case 2:
          model.graph = field->text();
          break;
        case 5:
          within("initializer", model.tensors.size(), [&] { model.tensors.push_back(tensor(field->bytes())); });
          break;
        case 11:
          within("input", model.inputs.size(), [&] { model.inputs.push_back(value(field->bytes())); });
          break;
        case 12:
          within("output", model.outputs.size(), [&] { model.outputs.push_back(value(field->bytes())); });
          break;
        case 10:  // doc_string
        case 13:  // value_info: inferred shapes
          break;
        default:
          refuse_field(*field);
      }
    }
  }

  OnnxNode node(std::string_view bytes) {
    OnnxNode node;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      count();
      switch (field->number()) {
        case 1:
          node.inputs.push_back(field->text());
          break;
        case 2:
          node.outputs.push_back(field->text());
          break;
        case 3:
          node.name = field->text();
          break;
        case 4:
          node.op = field->text();
          break;
        case 5:
          within("attribute", node.attributes.size(), [&] { node.attributes.push_back(attribute(field->bytes())); });
          break;
        case 6:  // doc_string
          break;
        case 7:
          if (!field->bytes().empty() && field->bytes() != "ai.onnx") {
            throw ProtobufError(fmt::format("an operator of the domain '{}'", core::spelled_out(field->text())));
          }
          break;
        default:
          refuse_field(*field);
      }
    }
    return node;
  }

  OnnxAttribute attribute(std::string_view bytes) {
    enum { kReal = 1, kInteger = 2, kText = 3, kReals = 6, kIntegers = 7 };  // AttributeProto.AttributeType
    OnnxAttribute attribute;
    std::int64_t type = 0;
    std::int64_t integer = 0;
    float real = 0;
    std::string text;
    std::vector<std::int64_t> integers;
    std::vector<float> reals;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number() == 1) {
        attribute.name = field->text();
      } else if (field->number() == 2) {
        real = field->real();
      } else if (field->number() == 3) {
        integer = field->integer();
      } else if (field->number() == 4) {
        text = field->text();
      } else if (field->number() == 7) {
        append(*field, reals);
      } else if (field->number() == 8) {
        append(*field, integers);
      } else if (field->number() == 20) {
        type = field->integer();
      } else if (field->number() != 13) {  // doc_string
        refuse_field(*field);
      }
    }
    switch (type) {
      case kReal:
        attribute.value = real;
        break;
      case kInteger:
        attribute.value = integer;
        break;
      case kText:
        attribute.value = std::move(text);
        break;
      case kReals:
        attribute.value = std::move(reals);
        break;
      case kIntegers:
        attribute.value = std::move(integers);
        break;
      default:
        throw ProtobufError(fmt::format("an attribute of type {}, which Margay does not write", type));
    }
    return attribute;
  }

  static OnnxType element_type(std::int64_t number) {
    for (const OnnxType type : {OnnxType::kFloat, OnnxType::kUint8, OnnxType::kInt8, OnnxType::kInt32, OnnxType::kInt64,
                                OnnxType::kBool, OnnxType::kDouble}) {
      if (number == static_cast<int>(type)) return type;
    }
    throw ProtobufError(fmt::format("elements of type {}, which Margay does not write", number));
  }

  /// Throws where the product of the sides overflows.
  static void check_shape(const OnnxTensor& tensor) {
    std::uint64_t bytes = element_bytes(tensor.type);
    for (const std::int64_t side : tensor.shape) {
      if (side < 0 || (side > 0 && bytes > (std::uint64_t{1} << 62U) / static_cast<std::uint64_t>(side))) {
        throw ProtobufError(fmt::format("'{}' has a side of {}", core::spelled_out(tensor.name), side));
      }
      bytes *= static_cast<std::uint64_t>(side);
    }
  }

  OnnxTensor tensor(std::string_view bytes) {
    OnnxTensor tensor;
    std::optional<std::string_view> raw;
    std::vector<std::pair<std::string, std::string>> external;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      count();
      switch (field->number()) {
        case 1:
          append(*field, tensor.shape);
          break;
        case 2:
          tensor.type = element_type(field->integer());
          break;
        case 8:
          tensor.name = field->text();
          break;
        case 9:
          raw = field->bytes();
          break;
        case 12:  // doc_string
          break;
        case 13:
          external.push_back(entry(field->bytes()));
          break;
        case 14:
          if (field->integer() != (external.empty() ? 0 : 1)) throw ProtobufError("its data_location is another");
          break;
        default:
          refuse_field(*field);
      }
    }
    check_shape(tensor);
    if (external.empty()) {
      set_elements(tensor, raw.value_or(""));
    } else {
      set_elements(tensor, external);
    }
    return tensor;
  }

  void set_elements(OnnxTensor& tensor, std::string_view raw) const {
    if (raw.size() != tensor.bytes()) {
      throw ProtobufError(fmt::format("'{}' has {} bytes where its shape takes {}", core::spelled_out(tensor.name),
                                      raw.size(), tensor.bytes()));
    }
    tensor.elements = [whole = bytes_, raw] { return std::string(raw); };
  }

  static std::uint64_t number_of(const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
    throw ProtobufError(fmt::format("external_data says '{}' where a number belongs", core::spelled_out(text)));
  }

  void set_elements(OnnxTensor& tensor, const std::vector<std::pair<std::string, std::string>>& external) {
    std::string location;
    std::uint64_t offset = 0;
    std::uint64_t length = tensor.bytes();
    for (const auto& [key, text] : external) {
      if (key == "location") location = text;
      if (key == "offset") offset = number_of(text);
      if (key == "length") length = number_of(text);
    }
    const OnnxDataFile& file = data_file(location);
    if (length != tensor.bytes() || offset > file.bytes || length > file.bytes - offset) {
      throw ProtobufError(fmt::format("'{}' would be {} bytes from {} on in '{}', which has {}",
                                      core::spelled_out(tensor.name), length, offset, core::spelled_out(location),
                                      file.bytes));
    }
    tensor.elements = [path = file.path, offset, length] { return bytes_of_part(path, offset, length); };
  }

  const OnnxDataFile& data_file(const std::string& location) {
    const fs::path name = location;
    if (name.empty() || name != name.filename() || name == "." || name == "..") {
      throw ProtobufError(
          fmt::format("constants in '{}'; only a file beside the model may hold them", core::spelled_out(location)));
    }
    const fs::path path = file_.path.parent_path() / name;
    const auto found =
        std::find_if(file_.data.begin(), file_.data.end(), [&](const auto& file) { return file.path == path; });
    if (found != file_.data.end()) return *found;
    std::error_code error;
    if (!fs::is_regular_file(path, error))
      throw core::DataError(path, "there is no such file, which holds the weights");
    return file_.data.emplace_back(OnnxDataFile{path, core::sha256_of_file(path), fs::file_size(path)});
  }

  OnnxValue value(std::string_view bytes) {
    OnnxValue value;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      count();
      if (field->number() == 1) {
        value.name = field->text();
      } else if (field->number() == 2) {
        within(".type", [&] { parse_type(field->bytes(), value); });
      } else if (field->number() != 3) {  // doc_string
        refuse_field(*field);
      }
    }
    return value;
  }

  void parse_type(std::string_view bytes, OnnxValue& value) {
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number() == 6) {
        value.denotation = field->text();
      } else if (field->number() == 1) {
        parse_tensor_type(field->bytes(), value);
      } else {
        throw ProtobufError("it is no tensor");
      }
    }
  }

  void parse_tensor_type(std::string_view bytes, OnnxValue& value) {
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number() == 1) {
        value.type = element_type(field->integer());
      } else if (field->number() == 2) {
        ProtobufReader sides(field->bytes());
        while (const auto side = sides.next()) parse_side(side->bytes(), value);
      } else {
        refuse_field(*field);
      }
    }
  }

  void parse_side(std::string_view bytes, OnnxValue& value) {
    count();
    OnnxDimension side = std::string();
    std::string denotation;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number() == 1) side = field->integer();
      if (field->number() == 2) side = field->text();
      if (field->number() == 3) denotation = field->text();
    }
    value.shape.push_back(std::move(side));
    if (!denotation.empty()) {
      value.dimension_denotations.resize(value.shape.size());
      value.dimension_denotations.back() = denotation;
    }
  }

  OnnxFile& file_;
  std::shared_ptr<const std::string> bytes_;
  const OnnxLimits& limits_;
  std::optional<std::string_view> graph_;
  std::string_view seal_;
  int other_field_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace

std::optional<std::string> OnnxFile::metadata(const std::string& key) const {
  for (const auto& [name, value] : model.metadata) {
    if (name == key) return value;
  }
  return std::nullopt;
}

OnnxFile read_onnx(const fs::path& path, const OnnxLimits& limits) {
  const auto bytes = std::make_shared<const std::string>(bytes_of_file(path, limits.file_bytes));
  OnnxFile file{.path = path, .model = {}, .sha256 = "", .bytes = bytes->size(), .data = {}};
  file.sha256 = core::sha256_of(*bytes);
  try {
    OnnxParser(file, bytes, limits).parse();
  } catch (const ProtobufError& problem) {
    throw core::FormatError(path, fmt::format("is no ONNX file that Margay can read: {}", problem.what()));
  }
  return file;
}

}  // namespace margay::exporting
