#pragma once

#include <string>
#include <utility>
#include <vector>

#include "margay/model/architecture/architecture.h"

namespace margay::model {

/// Modules within a module, by timm's names and by ours.
struct RenamedModules {
  std::string timm;  ///< the module that they are in: RE2, with as many groups as `ours` refers to
  std::string ours;  ///< the same module here, with \\1 … for groups
  std::vector<std::pair<std::string, std::string>> modules;  ///< names, not patterns: timm's, ours
};

/// One rule a module, for all its tensors and those of its children.
void append_rules(std::vector<NameRule>& rules, const RenamedModules& renamed);

}  // namespace margay::model
