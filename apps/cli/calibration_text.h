#pragma once

#include <string>

#include "margay/interpret/calibration_report.h"

namespace margay::cli {

/// The temperature and how sure it is, as a sentence.
std::string temperature_text(const interpret::CalibrationReport& report);

/// The temperature that a model has, and what it was fitted to, in a line.
std::string kept_temperature_line(const predict::Calibration& calibration);

/// A table of every number before and after, with intervals, and what the calibration errors of perfect probabilities
/// would be.
std::string calibration_text(const interpret::CalibrationReport& report);

}  // namespace margay::cli
