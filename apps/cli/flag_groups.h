#pragma once

#include <string>

namespace margay::cli {

/// Under which heading of a command's help the flags of this option struct (its kName) stand. `outer`: that of the
/// struct around it, which holds where the struct has none of its own.
std::string flag_group(const std::string& options, const std::string& outer);

}  // namespace margay::cli
