#include "margay/data/check/data_report.h"

#include <algorithm>

namespace margay::data {

std::size_t DataReport::count(FindingKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.kind == kind; }));
}

std::size_t DataReport::count(Severity severity) const {
  return static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(), [&](const Finding& finding) { return finding.severity() == severity; }));
}

}  // namespace margay::data
