#pragma once

#include <cstdint>
#include <span>

namespace margay::core {

/// 64 bits that change when bytes do, by accident: XXH3 (xxHash), as fast as memory. Not safe against intent. The same
/// on every machine.
std::uint64_t checksum(std::span<const std::uint8_t> bytes);

/// Of caches and checkpoints that were written before those sums became XXH3's; only to read them.
std::uint64_t checksum_before_xxh3(std::span<const std::uint8_t> bytes);

}  // namespace margay::core
