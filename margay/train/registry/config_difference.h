#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace margay::train {

/// A setting that two configurations give different values, or that only one of them has.
struct SettingDifference {
  std::string key;  ///< dotted: "batch.loader.batch_size"
  std::optional<nlohmann::ordered_json> a;
  std::optional<nlohmann::ordered_json> b;
};

/// The leaves in which two nested configurations differ, in the order of `a`, then those that only `b` has. Lists are
/// leaves; 1 and 1.0 are the same.
std::vector<SettingDifference> config_difference(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace margay::train
