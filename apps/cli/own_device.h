#pragma once

#include <string>

#include "apps/cli/launch.h"

namespace margay::cli {

/// The device of one of several processes: of "cuda", and of "auto" where there is a GPU, that of its local rank.
/// Otherwise as it was given. Throws as model::find_device.
std::string own_device(const std::string& device, const Launch& launch);

}  // namespace margay::cli
