#include "margay/core/checksum.h"

#include <array>
#include <bit>
#include <cstring>

#include <xxhash.h>

namespace margay::core {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio: its bits are well mixed

std::uint64_t checksum_word_at(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// Reversible in both arguments, so a change of one word always changes its stream.
std::uint64_t mix_word(std::uint64_t state, std::uint64_t word) { return std::rotl((state ^ word) * kOdd, 29); }

}  // namespace

std::uint64_t checksum(std::span<const std::uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

/// Four interleaved streams of multiply and rotate.
std::uint64_t checksum_before_xxh3(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kStreams = 4;
  constexpr std::size_t kStep = kStreams * sizeof(std::uint64_t);
  std::array<std::uint64_t, kStreams> states = {1, 2, 3, 4};
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kStep; left -= kStep, at += kStep) {
    for (std::size_t i = 0; i < kStreams; ++i)
      states[i] = mix_word(states[i], checksum_word_at(at + i * sizeof(std::uint64_t)));
  }
  std::uint64_t sum = mix_word(0, bytes.size());
  for (; left > 0; --left, ++at) sum = mix_word(sum, *at);
  for (const std::uint64_t state : states) sum = mix_word(sum, state);
  return sum ^ sum >> 32;
}

}  // namespace margay::core
