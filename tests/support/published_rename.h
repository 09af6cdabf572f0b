#pragma once

#include <functional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "margay/model/architecture/architecture.h"

namespace margay::testing_support {

/// From a publisher's names to ours.
inline std::function<std::string(const std::string&)> rename_of(const model::Naming& naming) {
  std::vector<std::pair<std::regex, std::string>> rules;
  for (const model::NameRule& each : naming.rules) rules.emplace_back(each.pattern, each.replacement);
  return [rules](const std::string& name) {
    for (const auto& [pattern, replacement] : rules) {
      if (!std::regex_match(name, pattern)) continue;
      return std::regex_replace(name, pattern, replacement, std::regex_constants::format_sed);
    }
    return name;
  };
}

}  // namespace margay::testing_support
