#pragma once

#include <nlohmann/json.hpp>

#include "margay/collective/group.h"

namespace margay::run {

/// Before anything is loaded: throws std::invalid_argument, in all processes alike, which names the option that differs
/// and the ranks. options: as their table gives them. Paths may differ, and what else is each machine's own.
void check_same_options(collective::Group& group, const nlohmann::ordered_json& options);

}  // namespace margay::run
