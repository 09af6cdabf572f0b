#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace margay::core {

/// 64 bits that change when bytes do, by accident: four interleaved streams of multiply and rotate, as fast as memory.
/// Not safe against intent. Its numbers are part of the format of the cache on disk.
std::uint64_t checksum(std::span<const std::uint8_t> bytes);

}  // namespace margay::core
