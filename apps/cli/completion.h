#pragma once

#include <string>

#include "apps/cli/command_tree.h"

namespace margay::cli {

/// Scripts for shells that complete `margay`: commands, their flags, the values of a flag, and files.
std::string bash_completion(const CommandTree& tree);
std::string zsh_completion(const CommandTree& tree);
std::string fish_completion(const CommandTree& tree);

}  // namespace margay::cli
