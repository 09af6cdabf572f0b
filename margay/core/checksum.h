#pragma once

#include <cstdint>
#include <span>

namespace margay::core {

/// A 64-bit checksum that detects accidental changes: XXH3 (xxHash), as fast as memory, and the same on every machine.
/// It does not protect against deliberate changes.
std::uint64_t checksum(std::span<const std::uint8_t> bytes);

/// The checksum of caches and checkpoints written before XXH3 was used; only for reading them.
std::uint64_t checksum_before_xxh3(std::span<const std::uint8_t> bytes);

}  // namespace margay::core
