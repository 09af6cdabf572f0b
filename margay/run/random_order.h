#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace margay::run {

/// The positions of the names in a random order that depends on each name and the seed alone: it goes on after a
/// restart, and where names come or go the others keep theirs.
std::vector<std::size_t> random_order(std::span<const std::string> names, std::uint64_t seed);

}  // namespace margay::run
