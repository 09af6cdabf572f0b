#pragma once

#include <string_view>

namespace margay::core {

/// Whether `a` comes before `b` as a person sorts names: runs of digits by their value, so "cat_2" < "cat_10";
/// everything else by bytes. A strict weak order; equal values with more leading zeros come later.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace margay::core
