#pragma once

#include <filesystem>
#include <vector>

namespace margay::core {

/// The folders of this process's control group (version 2) and its ancestors, which hold their limits; the group's own
/// first. Inside most containers that is one, the root. The folders need not exist.
std::vector<std::filesystem::path> cgroup_folders();

}  // namespace margay::core
