#pragma once

#include <string>

#include "margay/data/check/data_report.h"

namespace margay::data {

/// kShort: of each kind five findings, of each finding four files, of the classes the largest and the smallest.
enum class ReportExtent { kShort, kAll };

/// The report for people: findings by kind, each kind with its remedy; the classes as bars; a verdict on the last line.
std::string report_text(const DataReport& report, ReportExtent extent = ReportExtent::kShort);

/// One JSON document with every finding. What is no UTF-8 in a name is replaced.
std::string report_json(const DataReport& report);

}  // namespace margay::data
