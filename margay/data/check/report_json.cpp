#include <nlohmann/json.hpp>

#include "margay/data/check/report_text.h"

namespace margay::data {
namespace {

using Json = nlohmann::ordered_json;

const char* severity_name(Severity severity) { return severity == Severity::kHarm ? "harm" : "note"; }

Json finding_json(const Finding& finding) {
  const KindText& words = words_of(finding.kind);
  Json paths = Json::array();
  for (const auto& path : finding.paths) paths.push_back(path.string());
  return {{"kind", words.name},   {"severity", severity_name(words.severity)},
          {"paths", paths},       {"classes", finding.classes},
          {"text", finding.text}, {"remedy", words.remedy}};
}

}  // namespace

std::string report_json(const DataReport& report) {
  Json classes = Json::array();
  for (const ClassCount& each : report.classes) {
    classes.push_back({{"name", each.name}, {"images", each.images}, {"train", each.train}, {"valid", each.valid}});
  }
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding));
  const Json document = {{"folder", report.folder.string()},
                         {"images", report.images},
                         {"readable", report.readable},
                         {"train", report.train},
                         {"valid", report.valid},
                         {"harmful", report.count(Severity::kHarm)},
                         {"notes", report.count(Severity::kNote)},
                         {"classes", classes},
                         {"findings", findings}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace margay::data
