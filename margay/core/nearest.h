#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace margay::core {

/// How many letters must be inserted, deleted, changed or swapped with a neighbour to make `a` from `b`
/// (Damerau 1964, optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate most like `word`, or "" when none is near enough to be a likely slip.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "; did you mean 'X'?" or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace margay::core
