#include "margay/train/registry/config_difference.h"

#include <map>

namespace margay::train {
namespace {

using Json = nlohmann::ordered_json;

struct Leaf {
  std::string key;
  Json value;
};

void gather(const Json& json, const std::string& key, std::vector<Leaf>& leaves) {
  if (!json.is_object()) {
    leaves.push_back({key, json});
    return;
  }
  for (const auto& [name, value] : json.items()) gather(value, key.empty() ? name : key + "." + name, leaves);
}

std::vector<Leaf> leaves_of(const Json& json) {
  std::vector<Leaf> leaves;
  if (json.is_object()) gather(json, "", leaves);
  return leaves;
}

}  // namespace

std::vector<SettingDifference> config_difference(const Json& a, const Json& b) {
  const std::vector<Leaf> leaves_a = leaves_of(a);
  const std::vector<Leaf> leaves_b = leaves_of(b);
  std::map<std::string, Json> of_a;
  std::map<std::string, Json> of_b;
  for (const Leaf& leaf : leaves_a) of_a[leaf.key] = leaf.value;
  for (const Leaf& leaf : leaves_b) of_b[leaf.key] = leaf.value;
  std::vector<SettingDifference> differences;
  for (const Leaf& leaf : leaves_a) {
    const auto other = of_b.find(leaf.key);
    if (other == of_b.end()) {
      differences.push_back({leaf.key, leaf.value, std::nullopt});
    } else if (other->second != leaf.value) {
      differences.push_back({leaf.key, leaf.value, other->second});
    }
  }
  for (const Leaf& leaf : leaves_b) {
    if (of_a.count(leaf.key) == 0) differences.push_back({leaf.key, std::nullopt, leaf.value});
  }
  return differences;
}

}  // namespace margay::train
