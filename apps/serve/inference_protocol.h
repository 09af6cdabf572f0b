#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

/// The forms of KServe's Open Inference Protocol, version 2 ("Predict Protocol - Version 2", HTTP/REST), with the
/// extensions binary_tensor_data and classification as Triton's documentation defines them. What a request means for
/// a model is told by v2_routes; here are only its letters.
namespace margay::routes {

/// A tensor of a request.
struct InputTensor {
  std::string name;
  std::string datatype;             ///< "BYTES" or "FP32"
  std::vector<std::int64_t> shape;  ///< each 0 or more; its product is the number of elements
  std::vector<std::string> bytes;   ///< the elements of BYTES
  std::vector<float> numbers;       ///< the elements of FP32, row-major, all finite
};

enum class TensorForm { kJson, kBinary };

/// An output that a request asks for.
struct RequestedOutput {
  std::string name;
  TensorForm form = TensorForm::kJson;
  std::int64_t classification = 0;  ///< above 0: so many classes in place of the numbers
};

struct InferenceRequest {
  std::string id;
  std::vector<InputTensor> inputs;
  std::vector<RequestedOutput> outputs;         ///< empty: all
  TensorForm default_form = TensorForm::kJson;  ///< of outputs that are not named
};

/// What a request may hold. Beyond it it is refused with 413.
struct InferenceLimits {
  std::int64_t images = 64;                            ///< elements of a BYTES tensor
  std::int64_t numbers = std::int64_t{64} * 3 * 2048;  ///< elements of a FP32 tensor
};

/// The name of the header that says how many bytes of a body are JSON, before the binary tensors (binary_tensor_data).
inline constexpr std::string_view kJsonLengthHeader = "Inference-Header-Content-Length";

/// Reads the body of a request for inference. json_length: the value of kJsonLengthHeader, where there is one; "0"
/// means that the whole body is the one element of a BYTES tensor, named `raw_input` ("raw binary request"). A BYTES
/// tensor in JSON whose parameters say "content_type": "base64" is decoded; otherwise the bytes of its strings are its
/// elements. Memory is bounded by that of the body and the limits. Throws http::RequestError, 400 or 413, naming the
/// field.
InferenceRequest parse_inference(std::string_view body, const std::optional<std::string>& json_length,
                                 const InferenceLimits& limits, std::string_view raw_input);

/// A tensor of a response.
struct OutputTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  /// FP32, FP64, BYTES or BOOL.
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::string>, std::vector<bool>> data;
  TensorForm form = TensorForm::kJson;
};

/// Who answers what.
struct InferenceOrigin {
  std::string model_name;
  std::string model_version;
  std::string id;  ///< the request's; empty: none
};

/// A body and what its headers say.
struct InferenceBody {
  std::string bytes;
  std::optional<std::size_t> json_length;  ///< for kJsonLengthHeader; absent where all of it is JSON
};

/// The response. Tensors in binary follow the JSON in their order, little-endian, elements of BYTES after their length
/// in four bytes.
InferenceBody write_inference(const InferenceOrigin& origin, const std::vector<OutputTensor>& outputs);

/// The classes of one row in the form of the classification extension, "VALUE:INDEX:LABEL", the largest value first.
std::vector<std::string> classification_of(const std::vector<float>& values, const std::vector<std::string>& labels,
                                           std::int64_t count);

}  // namespace margay::routes
