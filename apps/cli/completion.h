#pragma once

#include <string>

#include "apps/cli/command_tree.h"

namespace margay::cli {

/// Scripts by which a shell completes `margay`: commands, their flags, the choices of a flag, and files.
std::string bash_completion(const CommandTree& tree);
std::string zsh_completion(const CommandTree& tree);
std::string fish_completion(const CommandTree& tree);

}  // namespace margay::cli
