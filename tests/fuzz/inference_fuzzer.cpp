// Whatever the body, a request for inference is read into what its limits allow, or http::RequestError is thrown with a
// status of the client's fault. The first byte decides how the body is read: as the Open Inference Protocol, with or
// without a binary part whose beginning the second byte tells, or as images for /predictions.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "apps/serve/image_request.h"
#include "apps/serve/inference_protocol.h"
#include "margay/http/target.h"

namespace {

using namespace margay;

void require(bool holds) {
  if (!holds) std::abort();  // which libFuzzer reports, with the bytes
}

template <class Step>
void attempt(Step&& step) {
  try {
    step();
  } catch (const http::RequestError& error) {
    require(error.status() >= 400 && error.status() < 500);
    require(error.what()[0] != '\0');
  }
}

constexpr routes::InferenceLimits kFuzzLimits = {.images = 8, .numbers = 1000};

void check_input(const routes::InputTensor& tensor) {
  require(tensor.datatype == "BYTES" ? tensor.numbers.empty() : tensor.bytes.empty());
  require(std::ssize(tensor.bytes) <= kFuzzLimits.images && std::ssize(tensor.numbers) <= kFuzzLimits.numbers);
  std::int64_t elements = 1;
  for (const std::int64_t size : tensor.shape) elements *= size;
  require(elements == std::ssize(tensor.bytes) + std::ssize(tensor.numbers));
}

void read_inference(std::string_view body, const std::optional<std::string>& json_length) {
  attempt([&] {
    const routes::InferenceRequest request = routes::parse_inference(body, json_length, kFuzzLimits, "image");
    require(!request.inputs.empty());
    for (const routes::InputTensor& tensor : request.inputs) check_input(tensor);
  });
}

void read_images(std::string_view body, const char* type) {
  http::Request request{.method = "POST", .body = std::string(body)};
  request.headers.set("Content-Type", type);
  attempt([&] { require(!routes::read_image_request(request).images.empty()); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 4) {
    case 0:
      read_inference(body, std::nullopt);
      break;
    case 1:
      read_inference(body, std::to_string(data[1] * body.size() / 255));
      break;
    case 2:
      read_images(body, "application/json");
      break;
    default:
      read_images(body, "multipart/form-data; boundary=x");
      break;
  }
  return 0;
}
