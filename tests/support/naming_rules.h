#pragma once

#include <algorithm>
#include <regex>
#include <string>

#include "margay/model/architecture/architecture.h"

namespace margay::testing_support {

/// What a tensor that a publisher calls `name` is called here.
inline std::string renamed(const model::Naming& naming, const std::string& name) {
  for (const model::NameRule& rule : naming.rules) {
    std::smatch match;
    if (!std::regex_match(name, match, std::regex(rule.pattern))) continue;
    return match.format(std::regex_replace(rule.replacement, std::regex(R"(\\(\d))"), "$$$1"));  // \1 is $1 there
  }
  return name;
}

/// The architecture's naming of this publisher; one without rules if it has none, whose names are ours then.
inline model::Naming naming_of(const model::Architecture& architecture, const std::string& publisher) {
  const auto& namings = architecture.namings;
  const auto found = std::find_if(namings.begin(), namings.end(),
                                  [&](const model::Naming& each) { return each.publisher == publisher; });
  return found == namings.end() ? model::Naming{publisher, {}} : *found;
}

}  // namespace margay::testing_support
