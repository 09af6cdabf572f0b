#pragma once

#include <string>

namespace margay::core {

/// What this machine is called (gethostname); "" if it does not say.
std::string host_name();

/// The random number of this boot, which all containers of a machine share; "" where there is none.
std::string boot_id();

}  // namespace margay::core
