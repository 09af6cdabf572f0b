#pragma once

#include <filesystem>
#include <string>

#include "margay/run/label_check.h"

namespace margay::cli {

enum class LabelExtent { kShort, kAll };

/// The labels that are probably wrong, the worst first, the classes with their estimated shares, and where the
/// probabilities come from. kShort: ten of each.
std::string label_check_text(const run::LabelCheck& check, LabelExtent extent);

}  // namespace margay::cli
