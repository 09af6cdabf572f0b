#pragma once

#include <algorithm>
#include <string>

#include "margay/model/architecture/architecture.h"
#include "margay/model/weights/naming.h"

namespace margay::testing_support {

/// What a tensor that a publisher calls `name` is called here; empty if it is dropped.
inline std::string renamed(const model::Naming& naming, const std::string& name) {
  const model::TensorMap ours = model::translated({{name, {}}}, naming);
  return ours.empty() ? "" : ours.begin()->first;
}

/// The architecture's naming of this publisher; one without rules if it has none, whose names are ours then.
inline model::Naming naming_of(const model::Architecture& architecture, const std::string& publisher) {
  const auto& namings = architecture.namings;
  const auto found = std::find_if(namings.begin(), namings.end(),
                                  [&](const model::Naming& each) { return each.publisher == publisher; });
  return found == namings.end() ? model::Naming{publisher, {}} : *found;
}

}  // namespace margay::testing_support
