#pragma once

#include <array>
#include <cstdint>

#include "margay/core/image.h"

namespace margay::data {

/// What near duplicates are compared by.
struct Fingerprint {
  static constexpr int kSide = 32;
  /// The bits of a hash that mirroring the image flips: those of odd horizontal frequencies.
  static const std::uint64_t kMirrored;
  /// Those that turning it upside down flips: those of odd vertical frequencies.
  static const std::uint64_t kUpsideDown;

  std::uint64_t hash = 0;
  /// int8 [32,32]: brightness minus the mean of the surrounding 7x7 pixels, scaled so that the largest value is 127.
  /// Broad shapes, such as a dark animal before a bright wall, are removed.
  std::array<std::int8_t, kSide * kSide> details{};
  double norm = 0;  ///< of the details; 0 where there are none

  /// The hash of the mirrored image.
  std::uint64_t mirrored_hash() const { return hash ^ kMirrored; }
  /// The hash of the image mirrored along its main diagonal, but for one bit, whose frequency is not among the 64.
  std::uint64_t transposed_hash() const;
};

/// One of the eight ways in which a square can be laid on itself: first, perhaps, mirrored along its main diagonal,
/// then left to right, then upside down. A quarter turn is the first and one of the others, half a turn both of the
/// others.
struct Orientation {
  bool is_transposed = false;
  bool is_mirrored = false;
  bool is_upside_down = false;

  bool is_upright() const { return !is_transposed && !is_mirrored && !is_upside_down; }
  /// The bits that mirroring and turning upside down flip.
  std::uint64_t flips() const {
    return (is_mirrored ? Fingerprint::kMirrored : 0) ^ (is_upside_down ? Fingerprint::kUpsideDown : 0);
  }
};

/// All eight, the upright one first, the four that are not transposed before the others.
std::array<Orientation, 8> all_orientations();

/// thumbnail: uint8 [32,32,3]. The hash is a perceptual one (Zauner, "Implementation and Benchmarking of Perceptual
/// Image Hash Functions", 2010): the signs of the 64 lowest frequencies of the 32x32 cosine transform, without the
/// mean, so mirroring an image flips the bits of the odd horizontal frequencies exactly.
Fingerprint fingerprint_of(const core::Image& thumbnail);

/// The correlation of the details of two images, in -1 … 1; 0 where one has none.
double correlation(const Fingerprint& a, const Fingerprint& b);

/// The same with `b` mirrored or turned.
double correlation(const Fingerprint& a, const Fingerprint& b, const Orientation& orientation);

}  // namespace margay::data
