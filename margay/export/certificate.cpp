#include "margay/export/certificate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/file.h"
#include "margay/core/text.h"

namespace margay::exporting {
namespace {

using CertificateJson = nlohmann::ordered_json;

/// JSON has no infinity, and a difference without a number must not look like none.
CertificateJson number_json(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? CertificateJson(nullptr) : CertificateJson("infinite");
}

std::string utf8_of(const std::filesystem::path& path) { return core::valid_utf8(path.string()); }

CertificateJson file_json(const CertifiedFile& file) {
  return {{"file", utf8_of(file.path.filename())}, {"sha256", file.sha256}, {"bytes", file.bytes}};
}

CertificateJson difference_json(const LargestDifference& largest) {
  CertificateJson json = {{"largest_difference", number_json(largest.value)},
                          {"image", core::valid_utf8(largest.image)}};
  if (!largest.name.empty()) json["class"] = largest.name;
  return json;
}

CertificateJson speed_json(const CertifiedSpeed& speed) {
  return {{"images_per_s", speed.images_per_s}, {"median_ms", speed.median_ms}, {"p95_ms", speed.p95_ms}};
}

CertificateJson accuracy_json(const PairedAccuracy& accuracy) {
  const auto images = static_cast<double>(accuracy.images);
  return {{"images", accuracy.images},
          {"margay", static_cast<double>(accuracy.margay_right) / images},
          {"runtime", static_cast<double>(accuracy.runtime_right) / images},
          {"difference", number_json(accuracy.difference.value)},
          {"difference_95",
           {number_json(accuracy.difference.interval.low), number_json(accuracy.difference.interval.high)}}};
}

/// other: what decides beside Margay.
CertificateJson decisions_json(const RuntimeVerdict& runtime, const char* other) {
  CertificateJson json = {{"different", runtime.disagreements},
                          {"beyond_margin", runtime.beyond_margin},
                          {"largest_margins", CertificateJson::array()}};
  for (const Disagreement& each : runtime.examples) {
    json["largest_margins"].push_back({{"image", core::valid_utf8(each.image)},
                                       {"margay", each.margay},
                                       {other, each.runtime},
                                       {"margin", number_json(each.margin)}});
  }
  return json;
}

CertificateJson runtime_json(const RuntimeVerdict& runtime) {
  CertificateJson json = {{"name", runtime.name},
                          {"version", runtime.version},
                          {"was_asked_for", runtime.was_asked_for},
                          {"passes", runtime.passes()}};
  if (!runtime.has_run()) json["problem"] = core::valid_utf8(runtime.problem);
  json["images"] = runtime.images;
  if (runtime.images == 0) return json;
  json["logits"] = difference_json(runtime.logits);
  json["logits"]["range"] = runtime.logit_range;
  json["probabilities"] = difference_json(runtime.probabilities);
  if (runtime.p_known) json["p_known"] = difference_json(*runtime.p_known);
  json["decisions"] = decisions_json(runtime, "runtime");
  if (runtime.accuracy) json["accuracy"] = accuracy_json(*runtime.accuracy);
  json["speed"] = speed_json(runtime.speed);
  json["breaches"] = runtime.breaches;
  return json;
}

}  // namespace

bool Certificate::passes() const { return reasons().empty(); }

std::vector<std::string> Certificate::reasons() const {
  std::vector<std::string> reasons;
  if (!hashes_ignored) reasons = hash_breaches;
  reasons.insert(reasons.end(), breaches.begin(), breaches.end());
  for (const RuntimeVerdict& runtime : runtimes) {
    for (const std::string& breach : runtime.breaches) reasons.push_back(runtime.name + ": " + breach);
    if (runtime.was_asked_for && !runtime.has_run()) reasons.push_back(runtime.problem);
  }
  if (std::none_of(runtimes.begin(), runtimes.end(), [](const auto& runtime) { return runtime.has_run(); })) {
    reasons.emplace_back("no runtime has run the file");
  }
  return reasons;
}

CertificateJson Certificate::json() const {
  CertificateJson json = {{"margay_certificate", 1}, {"passes", passes()}, {"reasons", reasons()}, {"time", time}};
  for (CertificateJson& reason : json["reasons"]) reason = core::valid_utf8(reason.get<std::string>());
  json["onnx"] = file_json(onnx);
  json["onnx"]["producer"] = producer;
  json["onnx"]["opset"] = opset;
  json["onnx"]["input"] = core::to_text(input);
  json["onnx"]["quantised"] = is_quantised;
  json["onnx"]["data"] = CertificateJson::array();
  for (const CertifiedFile& file : onnx_data) json["onnx"]["data"].push_back(file_json(file));
  json["model"] = file_json(model);
  json["model"]["classes"] = classes;
  json["hashes"] = {{"ignored", hashes_ignored}, {"breaches", hash_breaches}};
  json["images"] = {{"folder", utf8_of(folder)},
                    {"compared", images},
                    {"there", images_there},
                    {"sha256", images_sha256},
                    {"skipped", CertificateJson::array()}};
  for (const std::string& problem : skipped) json["images"]["skipped"].push_back(core::valid_utf8(problem));
  json["bounds"] = core::to_json(bounds);
  json["margay"] = {{"version", margay_version}, {"computed_with", computed_with}, {"speed", speed_json(margay_speed)}};
  if (scaled_decoding) {
    json["margay"]["scaled_decoding"] = {{"images", scaled_decoding->images},
                                         {"probabilities", difference_json(scaled_decoding->probabilities)},
                                         {"decisions", decisions_json(*scaled_decoding, "scaled")}};
  }
  json["runtimes"] = CertificateJson::array();
  for (const RuntimeVerdict& runtime : runtimes) json["runtimes"].push_back(runtime_json(runtime));
  return json;
}

void write_certificate(const Certificate& certificate) {
  const std::string path = certificate.onnx.path.string();
  core::write_file_atomically(path + ".certificate.json", certificate.json().dump(2) + "\n");
  core::write_file_atomically(path + ".certificate.html", certificate.html());
}

}  // namespace margay::exporting
