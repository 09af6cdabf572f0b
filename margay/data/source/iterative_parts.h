#pragma once

#include <cstdint>
#include <vector>

#include "margay/data/item.h"

namespace margay::data {

/// The part 0 … shares.size()-1 of each item, so that every label has its share in each part: iterative stratification
/// (Sechidis, Tsoumakas, Vlahavas 2011). The label with the fewest items left goes first; each of its items goes to the
/// part that wants most of that label, at equal wish to the one that wants most items, then to one drawn at random. A
/// label with at least as many items as there are parts is wanted at least once by each. shares: positive, summing
/// to 1.
std::vector<std::uint32_t> iterative_parts(const Items& items, const std::vector<double>& shares, std::uint64_t seed);

}  // namespace margay::data
