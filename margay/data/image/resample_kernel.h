#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace margay::data {

/// The filter taps of one axis of a resize: output i is the sum over t of weight(t, i) * source[first[i] + t], in
/// 2^-kBits, rounded half up.
struct Taps {
  /// Widest vector of the kernels, in 32-bit lanes; arrays are padded to a multiple of it.
  static constexpr std::size_t kLanes = 16;
  /// Pillow's PRECISION_BITS: 32 less the 8 of a byte and 2 to spare.
  static constexpr int kBits = 22;

  int count = 0;                      ///< source pixels per output
  std::size_t stride = 0;             ///< outputs, rounded up to kLanes; the padding repeats harmless reads
  std::vector<std::int32_t> first;    ///< int32 [stride]
  std::vector<std::int32_t> weights;  ///< int32 [count, stride], >= 0, each output's sum is about 2^kBits
  std::int32_t weight(int tap, int output) const {
    return weights[static_cast<std::size_t>(tap) * stride + static_cast<std::size_t>(output)];
  }
};

/// Resizes one row horizontally. row: uint8 [W,3], readable one byte beyond its end;
/// out: uint8 [taps.stride,3].
void resample_row(const std::uint8_t* row, const Taps& taps, std::uint8_t* out);

/// The weighted sum of rows of `bytes` bytes; weights as those of an output of Taps. Rows and out must be readable
/// and writable up to the next multiple of 3 * Taps::kLanes.
void blend_rows(std::span<const std::uint8_t* const> rows, std::span<const std::int32_t> weights, std::size_t bytes,
                std::uint8_t* out);

}  // namespace margay::data
