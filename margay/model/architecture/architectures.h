#pragma once

#include <string_view>
#include <vector>

#include "margay/model/architecture/architecture.h"

namespace margay::model {

/// The table of all networks, family by family.
const std::vector<Architecture>& architectures();

/// Throws std::invalid_argument, with the nearest name, for one that is not there.
const Architecture& find_architecture(std::string_view name);

}  // namespace margay::model
