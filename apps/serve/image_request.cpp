#include "apps/serve/image_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"
#include "margay/http/base64.h"
#include "margay/http/multipart.h"

namespace margay::routes {
namespace {

using nlohmann::json;

[[noreturn]] void refuse_images(const std::string& reason) { throw http::RequestError(400, reason); }

constexpr int kMostTop = 1000;
constexpr const char* kUnnamed = "image";

/// The whole text as a number in [low, high].
double number_in(std::string_view name, const std::string& text, double low, double high) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool is_number = !text.empty() && end == text.c_str() + text.size() && std::isfinite(number);
  if (is_number && number >= low && number <= high) return number;
  refuse_images(fmt::format("{} must be a number in {} … {}, got '{}'", name, low, high,
                            core::fitted(core::spelled_out(text), 40)));
}

/// Takes one field of a question. Whether there is such a field.
bool take_field(ImageQuestion& question, std::string_view name, const std::string& text) {
  if (name == "top") {
    const double top = number_in(name, text, 1, kMostTop);
    if (top != std::floor(top)) refuse_images("top must be a whole number");
    question.top = static_cast<int>(top);
  } else if (name == "threshold") {
    question.threshold = number_in(name, text, 0, 1);
  } else if (name == "alpha") {
    question.alpha = number_in(name, text, 1e-6, 0.5);
  } else if (name == "timeout_ms") {
    question.timeout_ms = number_in(name, text, 1, 3.6e6);
  } else {
    return false;
  }
  return true;
}

constexpr const char* kFields = "top, threshold, alpha and timeout_ms";

void take_query(ImageQuestion& question, const http::Request& request) {
  for (const http::QueryField& field : request.query) {
    if (field.name == "name" || take_field(question, field.name, field.value)) continue;
    refuse_images(fmt::format("the query has a field '{}'; there are name, {}",
                              core::fitted(core::spelled_out(field.name), 40), kFields));
  }
}

serve::ImageInput image_of(std::string name, std::string_view bytes) {
  if (bytes.empty()) throw http::RequestError(422, core::spelled_out(name) + ": the image is empty");
  return {.name = std::move(name), .content = image_bytes(bytes)};
}

/// base64, also behind "data:image/png;base64,".
std::string decoded_image(std::string_view text, const std::string& name) {
  if (text.starts_with("data:")) text.remove_prefix(std::min(text.size(), text.find(',') + 1));
  std::optional<std::string> bytes = http::base64_decoded(text);
  if (!bytes) refuse_images(core::spelled_out(name) + ": the image is no base64");
  return *std::move(bytes);
}

serve::ImageInput json_image(const json& image, const std::string& unnamed) {
  if (image.is_string()) return image_of(unnamed, decoded_image(image.get_ref<const std::string&>(), unnamed));
  const bool is_object = image.is_object() && image.contains("base64") && image["base64"].is_string();
  if (!is_object) refuse_images(unnamed + R"( must be base64, or {"name": …, "base64": …})");
  for (const auto& [key, value] : image.items()) {
    if (key != "base64" && (key != "name" || !value.is_string())) {
      refuse_images(fmt::format("{} has a field '{}'; it may have name and base64, both texts", unnamed,
                                core::fitted(core::spelled_out(key), 40)));
    }
  }
  const std::string name = image.value("name", unnamed);
  if (name.empty()) refuse_images(unnamed + ": the name is empty");
  return image_of(name, decoded_image(image["base64"].get_ref<const std::string&>(), name));
}

json parse_images(const std::string& body) {
  try {
    return json::parse(body, [values = 0](int depth, json::parse_event_t, const json&) mutable {
      constexpr int kDeepest = 4;
      constexpr int kMost = 20'000;
      if (depth > kDeepest || ++values > kMost) throw http::RequestError(413, "the JSON holds too much");
      return true;
    });
  } catch (const json::exception& error) {
    refuse_images("the body is no JSON: " + core::fitted(core::one_line(error.what()), 200));
  }
}

void take_json_images(ImageRequest& request, const json& document) {
  const bool has_one = document.contains("image");
  request.is_list = document.contains("images");
  if (has_one == request.is_list) refuse_images("the JSON needs `image` or `images`");
  if (has_one) return request.images.push_back(json_image(document["image"], kUnnamed));
  if (!document["images"].is_array() || document["images"].empty()) {
    refuse_images("`images` must be a list of at least one image");
  }
  for (const json& image : document["images"]) {
    request.images.push_back(json_image(image, fmt::format("images[{}]", request.images.size())));
  }
}

bool is_image_field(std::string_view name) { return name == "image" || name == "images"; }

void read_json_images(ImageRequest& request, const std::string& body) {
  const json document = parse_images(body);
  if (!document.is_object()) refuse_images("the body must be a JSON object");
  for (const auto& [key, value] : document.items()) {
    if (is_image_field(key)) continue;
    if (value.is_number() && take_field(request.question, key, value.dump())) continue;
    refuse_images(fmt::format("the JSON has a field '{}'; there are image, images, and as numbers {}",
                              core::fitted(core::spelled_out(key), 40), kFields));
  }
  take_json_images(request, document);
}

void read_form_images(ImageRequest& request, const http::Request& form) {
  for (const http::FormPart& part : http::parse_multipart(form.body, form.headers.get("Content-Type"))) {
    if (part.file_name.empty() && take_field(request.question, part.name, std::string(part.bytes))) continue;
    if (part.file_name.empty() && !is_image_field(part.name)) {
      refuse_images(fmt::format("the form has a field '{}'; there are files, image, images, and as numbers {}",
                                core::fitted(core::spelled_out(part.name), 40), kFields));
    }
    request.images.push_back(image_of(part.file_name.empty() ? part.name : part.file_name, part.bytes));
  }
  if (request.images.empty()) refuse_images("the form has no image; add a file, as curl -F image=@cat.jpg does");
  request.is_list = request.images.size() > 1;
}

}  // namespace

serve::ImageBytes image_bytes(std::string_view bytes) {
  return std::make_shared<const std::vector<std::uint8_t>>(bytes.begin(), bytes.end());
}

ImageRequest read_image_request(const http::Request& request) {
  ImageRequest images;
  take_query(images.question, request);
  if (request.body.empty()) refuse_images("the body is empty; send an image, as curl --data-binary @cat.jpg does");
  const std::string type = request.media_type();
  if (type == "application/json") {
    read_json_images(images, request.body);
  } else if (type == "multipart/form-data") {
    read_form_images(images, request);
  } else {
    const std::string* name = request.query_value("name");
    images.images.push_back(image_of(name == nullptr || name->empty() ? kUnnamed : *name, request.body));
  }
  return images;
}

PredictionChoice choice_for(const ImageQuestion& question, const serve::ModelFacts& model) {
  if (question.threshold && !model.is_multi_label) {
    refuse_images(fmt::format("threshold is for models of several labels; {} predicts one class", model.name));
  }
  if (question.alpha && !model.alpha) {
    refuse_images(
        fmt::format("alpha is for models that tell images of none of their classes; {} does not", model.name));
  }
  const PredictionChoice usual;
  return {.top = question.top.value_or(usual.top),
          .threshold = question.threshold.value_or(usual.threshold),
          .alpha = question.alpha.value_or(model.alpha.value_or(0))};
}

serve::SteadyClock::time_point deadline_of(const http::Request& request, const std::optional<double>& timeout_ms) {
  if (!timeout_ms) return request.deadline;
  const auto timeout =
      std::chrono::duration_cast<serve::SteadyClock::duration>(std::chrono::duration<double, std::milli>(*timeout_ms));
  return std::min(request.deadline, request.received + timeout);
}

}  // namespace margay::routes
