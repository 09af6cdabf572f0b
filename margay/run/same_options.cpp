#include "margay/run/same_options.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "margay/core/machine.h"

namespace margay::run {
namespace {

constexpr std::array kOwnOfEachMachine = {"runs",      "device",     "launch",       "group",   "folder", "labels_csv",
                                          "valid_csv", "valid_list", "cache_folder", "weights", "teacher"};

/// All values of the options by the names of their fields.
void flatten(const nlohmann::ordered_json& options, std::vector<collective::SameThing>& things) {
  for (const auto& [name, value] : options.items()) {
    const bool is_own = std::find(kOwnOfEachMachine.begin(), kOwnOfEachMachine.end(), name) != kOwnOfEachMachine.end();
    if (is_own) continue;
    if (value.is_object()) {
      flatten(value, things);
    } else {
      things.push_back({fmt::format("`{}`", name), value.dump()});
    }
  }
}

}  // namespace

void check_same_options(collective::Group& group, const nlohmann::ordered_json& options) {
  if (group.size() == 1) return;
  std::vector<collective::SameThing> things;
  flatten(options, things);
  collective::check_same(group, things, group.gather(core::host_name()));
}

}  // namespace margay::run
