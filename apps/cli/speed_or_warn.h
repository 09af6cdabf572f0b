#pragma once

#include <optional>
#include <string>

#include "apps/cli/progress_line.h"
#include "margay/train/network_speed.h"

namespace margay::cli {

/// train::measure_network_speed; nothing, and a warning in the place of the line, for a network that cannot be measured
/// so: of images that it does not take, or too large.
std::optional<train::NetworkSpeed> speed_or_warn(const std::string& name, const train::NetworkSpeedOptions& options,
                                                 ProgressLine& line);

}  // namespace margay::cli
