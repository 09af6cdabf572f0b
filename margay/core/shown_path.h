#pragma once

#include <filesystem>
#include <string>

namespace margay::core {

/// A path within a message for people: on one line, control characters spelled out. (shell_word: for a command.)
std::string shown_path(const std::filesystem::path& path);

}  // namespace margay::core
