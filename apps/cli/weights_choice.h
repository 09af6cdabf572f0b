#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "apps/cli/command.h"

namespace margay::cli {

/// The value of --weights that means: from scratch, whatever lies on this machine.
inline constexpr const char* kNoWeights = "none";

/// The weights of a new run for which --weights names none: auto, unless the network is chosen too (arch auto). A run
/// of
/// --config says itself that it had none.
void default_weights(const Command& command, std::filesystem::path& weights, const std::string& arch);

/// Replaces auto by the file of the network's weights that lies on this machine, with its SHA-256, or by nothing, and
/// none by nothing. say: hears in one line which weights are used and from where; not called where there are none.
/// Throws std::invalid_argument for auto together with arch auto, and for an unknown network.
void choose_weights(std::filesystem::path& weights, std::string& sha256, const std::string& arch,
                    const std::function<void(const std::string&)>& say);

}  // namespace margay::cli
