#pragma once

#include <nlohmann/json_fwd.hpp>

#include "margay/core/options.h"

namespace margay::studio {

/// What the page needs to make a form of options, from the table that flags are made from. A list of fields:
/// {"name", "help", "kind", "default"}, and where they apply "low" and "high" (the range), "names" (of a choice),
/// "is_optional" (no value is a value: null), "element" (the kind of a list's elements), "fields" (of a struct in the
/// struct). kind: "switch", "integer", "real", "text", "path", "choice", "list", "options".
nlohmann::ordered_json form_of(const core::OptionTable& table, const void* defaults);

template <core::Options T>
auto form_of(const T& defaults = T()) {
  return form_of(T::fields(), static_cast<const void*>(&defaults));
}

}  // namespace margay::studio
