#pragma once

#include <string>

#include "apps/cli/command_tree.h"

namespace margay::cli {

/// The manual page margay(1), in roff, which lists the commands. `version`: the program's.
std::string man_page(const CommandTree& tree, const std::string& version);

/// The manual page margay-COMMAND(1): arguments and flags under the headings of the help.
std::string man_page(const CommandEntry& command, const std::string& version);

}  // namespace margay::cli
