#include "apps/serve/api.h"

#include <nlohmann/json.hpp>

#include "margay/core/text.h"

namespace margay::routes {
namespace {

using nlohmann::ordered_json;

ordered_json reference(const std::string& schema) { return {{"$ref", "#/components/schemas/" + schema}}; }

ordered_json typed(const char* type, const char* description) { return {{"type", type}, {"description", description}}; }

ordered_json list_of(ordered_json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

ordered_json object_of(ordered_json properties, std::vector<std::string> required) {
  return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

ordered_json prediction_schema() {
  const ordered_json guess =
      object_of({{"label", {{"type", "string"}}}, {"probability", {{"type", "number"}}}}, {"label", "probability"});
  return object_of(
      {{"path", typed("string", "the name that the image was sent under")},
       {"labels", list_of({{"type", "string"}})},
       {"none_of_these", typed("boolean", "the image is of none of the classes; models that tell")},
       {"p_known", typed("number", "how often a known image looks as unusual; models that tell")},
       {"predictions", list_of(guess)},
       {"model", {{"type", "string"}}},
       {"model_version", typed("string", "the first 16 digits of the SHA-256 of the model's file")},
       {"schema", typed("integer", "of this object: 1")},
       {"error", typed("string", "in place of predictions: why this image of several could not be predicted")}},
      {"path", "model", "model_version", "schema"});
}

ordered_json image_schema() {
  const ordered_json named = object_of({{"name", {{"type", "string"}}}, {"base64", {{"type", "string"}}}}, {"base64"});
  return {{"oneOf", ordered_json::array({ordered_json{{"type", "string"}, {"description", "base64"}}, named})}};
}

ordered_json tensor_schema() {
  return object_of({{"name", {{"type", "string"}}},
                    {"datatype", {{"type", "string"}}},
                    {"shape", list_of({{"type", "integer"}})},
                    {"parameters", {{"type", "object"}}},
                    {"data", {{"type", "array"}}}},
                   {"name", "datatype", "shape"});
}

ordered_json schemas() {
  const ordered_json text = {{"type", "string"}};
  return {
      {"Error", object_of({{"error", text}}, {"error"})},
      {"Prediction", prediction_schema()},
      {"Predictions", {{"oneOf", ordered_json::array({reference("Prediction"), list_of(reference("Prediction"))})}}},
      {"Images", object_of({{"image", image_schema()},
                            {"images", list_of(image_schema())},
                            {"top", {{"type", "integer"}}},
                            {"threshold", {{"type", "number"}}},
                            {"alpha", {{"type", "number"}}}},
                           {})},
      {"InferenceRequest",
       object_of({{"id", text},
                  {"parameters", {{"type", "object"}}},
                  {"inputs", list_of(tensor_schema())},
                  {"outputs", list_of(object_of({{"name", text}, {"parameters", {{"type", "object"}}}}, {"name"}))}},
                 {"inputs"})},
      {"InferenceResponse",
       object_of({{"model_name", text}, {"model_version", text}, {"id", text}, {"outputs", list_of(tensor_schema())}},
                 {"model_name", "outputs"})},
      {"Server", object_of({{"name", text}, {"version", text}, {"extensions", list_of(text)}}, {"name", "version"})},
      {"Live", object_of({{"live", {{"type", "boolean"}}}}, {"live"})},
      {"Ready", object_of({{"ready", {{"type", "boolean"}}}}, {"ready"})},
      {"Model", object_of({{"name", text},
                           {"versions", list_of(text)},
                           {"platform", text},
                           {"inputs", list_of(tensor_schema())},
                           {"outputs", list_of(tensor_schema())}},
                          {"name", "platform", "inputs", "outputs"})},
      {"RepositoryIndex",
       list_of(object_of({{"name", text}, {"version", text}, {"state", text}, {"reason", text}}, {"name"}))},
      {"Status", object_of({{"status", text}}, {"status"})}};
}

/// The names between braces.
std::vector<std::string> path_parameters(const std::string& pattern) {
  std::vector<std::string> names;
  for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1)) {
    names.push_back(pattern.substr(open + 1, pattern.find('}', open) - open - 1));
  }
  return names;
}

ordered_json parameters_of(const std::string& pattern, const RouteDoc& doc) {
  ordered_json parameters = ordered_json::array();
  for (const std::string& name : path_parameters(pattern)) {
    parameters.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  for (const QueryDoc& field : doc.query) {
    parameters.push_back(
        {{"name", field.name}, {"in", "query"}, {"description", field.help}, {"schema", {{"type", field.type}}}});
  }
  return parameters;
}

ordered_json body_of(const RouteDoc& doc) {
  ordered_json content = ordered_json::object();
  for (const std::string& type : doc.takes) {
    content[type] = ordered_json::object();
    if (type == "application/json" && !doc.request_schema.empty()) {
      content[type]["schema"] = reference(doc.request_schema);
    }
  }
  return {{"required", true}, {"content", std::move(content)}};
}

ordered_json operation_of(const std::string& pattern, http::RouteAccess access, const RouteDoc& doc) {
  ordered_json operation = {{"summary", doc.summary}};
  const ordered_json parameters = parameters_of(pattern, doc);
  if (!parameters.empty()) operation["parameters"] = parameters;
  if (!doc.takes.empty()) operation["requestBody"] = body_of(doc);
  ordered_json given = ordered_json::object();
  if (!doc.schema.empty()) given["schema"] = reference(doc.schema);
  const ordered_json refused = {{"description", "refused, and why"},
                                {"content", {{"application/json", {{"schema", reference("Error")}}}}}};
  operation["responses"] = {
      {"200", {{"description", "done"}, {"content", {{doc.gives, given}}}}}, {"4XX", refused}, {"5XX", refused}};
  if (access != http::RouteAccess::kOpen) {
    operation["security"] = ordered_json::array({ordered_json{{"token", ordered_json::array()}}});
  }
  return operation;
}

}  // namespace

void Api::add(http::Route route, RouteDoc doc) {
  described_.push_back({route.method, route.pattern, route.access, std::move(doc)});
  router_.add(std::move(route));
}

std::string Api::openapi(const std::string& version) const {
  ordered_json document = {
      {"openapi", "3.1.0"}, {"info", {{"title", "Margay"}, {"version", version}}}, {"paths", ordered_json::object()}};
  for (const Described& route : described_) {
    document["paths"][route.pattern][core::lower_case(route.method)] =
        operation_of(route.pattern, route.access, route.doc);
  }
  document["components"] = {{"schemas", schemas()},
                            {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}};
  return document.dump();
}

}  // namespace margay::routes
