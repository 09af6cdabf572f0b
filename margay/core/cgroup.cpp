#include "margay/core/cgroup.h"

#include <fstream>
#include <string>

namespace margay::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

/// This process's group below the root, such as "user.slice/x.scope"; "" inside most containers.
fs::path own_cgroup() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::/", 0) == 0) return line.substr(4);  // version 2's only line is numbered 0
  }
  return {};
}

}  // namespace

std::vector<fs::path> cgroup_folders() {
  std::vector<fs::path> folders;
  for (fs::path below = own_cgroup();; below = below.parent_path()) {
    folders.push_back(kCgroupRoot / below);
    if (below.empty()) return folders;
  }
}

}  // namespace margay::core
