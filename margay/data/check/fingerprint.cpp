#include "margay/data/check/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "margay/core/error.h"

namespace margay::data {
namespace {

constexpr int kSide = Fingerprint::kSide;
constexpr int kFrequencies = 11;
constexpr int kHashBits = 64;

/// A frequency of the two-dimensional cosine transform.
struct Frequency {
  int vertical;
  int horizontal;
};

/// The lowest 64 besides (0,0), diagonal by diagonal.
constexpr std::array<Frequency, kHashBits> lowest_frequencies() {
  std::array<Frequency, kHashBits> lowest{};
  std::size_t count = 0;
  for (int sum = 1; sum < kFrequencies; ++sum) {
    for (int vertical = 0; vertical <= sum && count < kHashBits; ++vertical)
      lowest[count++] = {vertical, sum - vertical};
  }
  return lowest;
}
constexpr auto kLowest = lowest_frequencies();

constexpr std::uint64_t odd_horizontal_bits() {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kHashBits; ++i) bits |= static_cast<std::uint64_t>(kLowest[i].horizontal % 2) << i;
  return bits;
}

constexpr std::uint64_t odd_vertical_bits() {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kHashBits; ++i) bits |= static_cast<std::uint64_t>(kLowest[i].vertical % 2) << i;
  return bits;
}

/// The bit of each frequency's transpose; its own where that is not among the lowest.
constexpr std::array<std::size_t, kHashBits> transposed_bits() {
  std::array<std::size_t, kHashBits> bits{};
  for (std::size_t i = 0; i < kHashBits; ++i) {
    bits[i] = i;
    for (std::size_t j = 0; j < kHashBits; ++j) {
      if (kLowest[j].vertical == kLowest[i].horizontal && kLowest[j].horizontal == kLowest[i].vertical) bits[i] = j;
    }
  }
  return bits;
}
constexpr auto kTransposedBits = transposed_bits();

using Grey = std::array<std::uint8_t, kSide * kSide>;

template <int kRows, int kColumns>
using CosineTable = std::array<std::array<float, kColumns>, kRows>;

const CosineTable<kFrequencies, kSide>& cosines() {
  static const auto table = [] {
    CosineTable<kFrequencies, kSide> cosine{};
    for (std::size_t f = 0; f < kFrequencies; ++f) {
      for (std::size_t x = 0; x < kSide; ++x) {
        cosine[f][x] = static_cast<float>(
            std::cos(std::numbers::pi * static_cast<double>(f) * (static_cast<double>(x) + 0.5) / kSide));
      }
    }
    return cosine;
  }();
  return table;
}

/// The transform without its scale, which changes no sign: float [vertical, horizontal].
CosineTable<kFrequencies, kFrequencies> cosine_transform(const Grey& grey) {
  const auto& cosine = cosines();
  CosineTable<kFrequencies, kFrequencies> result{};
  for (std::size_t y = 0; y < kSide; ++y) {
    for (std::size_t h = 0; h < kFrequencies; ++h) {
      float sum = 0;
      for (std::size_t x = 0; x < kSide; ++x) sum += cosine[h][x] * static_cast<float>(grey[y * kSide + x]);
      for (std::size_t v = 0; v < kFrequencies; ++v) result[v][h] += cosine[v][y] * sum;
    }
  }
  return result;
}

using Details = std::array<float, kSide * kSide>;

/// Each pixel less the mean of the 7x7 around it, of those that exist.
Details details_of(const Grey& grey) {
  constexpr int kReach = 3;
  std::array<int, (kSide + 1) * (kSide + 1)> sums{};  // of all pixels above and to the left
  const auto at = [](int y, int x) { return static_cast<std::size_t>(y * (kSide + 1) + x); };
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      sums[at(y + 1, x + 1)] =
          grey[static_cast<std::size_t>(y * kSide + x)] + sums[at(y, x + 1)] + sums[at(y + 1, x)] - sums[at(y, x)];
    }
  }
  Details details{};
  for (int y = 0; y < kSide; ++y) {
    const int top = std::max(0, y - kReach);
    const int bottom = std::min(kSide, y + kReach + 1);
    for (int x = 0; x < kSide; ++x) {
      const int left = std::max(0, x - kReach);
      const int right = std::min(kSide, x + kReach + 1);
      const int sum = sums[at(bottom, right)] - sums[at(top, right)] - sums[at(bottom, left)] + sums[at(top, left)];
      const auto i = static_cast<std::size_t>(y * kSide + x);
      details[i] =
          static_cast<float>(grey[i]) - static_cast<float>(sum) / static_cast<float>((bottom - top) * (right - left));
    }
  }
  return details;
}

/// Scales the details to 8 bits.
void keep_details(const Details& details, Fingerprint& fingerprint) {
  float most = 0;
  for (const float detail : details) most = std::max(most, std::abs(detail));
  if (most == 0) return;
  int squares = 0;
  for (std::size_t i = 0; i < details.size(); ++i) {
    fingerprint.details[i] = static_cast<std::int8_t>(std::lround(details[i] * 127 / most));
    squares += fingerprint.details[i] * fingerprint.details[i];
  }
  fingerprint.norm = std::sqrt(squares);
}

double correlation_of(int product, const Fingerprint& a, const Fingerprint& b) {
  return a.norm > 0 && b.norm > 0 ? product / (a.norm * b.norm) : 0;
}

}  // namespace

const std::uint64_t Fingerprint::kMirrored = odd_horizontal_bits();
const std::uint64_t Fingerprint::kUpsideDown = odd_vertical_bits();

std::uint64_t Fingerprint::transposed_hash() const {
  std::uint64_t transposed = 0;
  for (std::size_t i = 0; i < kHashBits; ++i) transposed |= (hash >> kTransposedBits[i] & 1U) << i;
  return transposed;
}

std::array<Orientation, 8> all_orientations() {
  std::array<Orientation, 8> all;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = {(i & 4U) != 0, (i & 1U) != 0, (i & 2U) != 0};
  return all;
}

Fingerprint fingerprint_of(const core::Image& thumbnail) {
  MARGAY_CHECK(thumbnail.height == kSide && thumbnail.width == kSide, "a fingerprint is taken of a 32x32 thumbnail");
  Fingerprint fingerprint;
  Grey grey{};
  for (std::size_t i = 0; i < grey.size(); ++i) {
    const std::uint8_t* rgb = thumbnail.pixels.data() + 3 * i;
    grey[i] = static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);  // BT.601
  }
  const auto transform = cosine_transform(grey);
  for (std::size_t i = 0; i < kHashBits; ++i) {
    const auto [vertical, horizontal] = kLowest[i];
    const float value = transform[static_cast<std::size_t>(vertical)][static_cast<std::size_t>(horizontal)];
    fingerprint.hash |= static_cast<std::uint64_t>(value > 0) << i;
  }
  keep_details(details_of(grey), fingerprint);
  return fingerprint;
}

double correlation(const Fingerprint& a, const Fingerprint& b) {
  int product = 0;
  for (std::size_t i = 0; i < a.details.size(); ++i) product += a.details[i] * b.details[i];
  return correlation_of(product, a, b);
}

double correlation(const Fingerprint& a, const Fingerprint& b, const Orientation& orientation) {
  int product = 0;
  for (int row = 0; row < kSide; ++row) {
    const int y = orientation.is_upside_down ? kSide - 1 - row : row;
    const int step_x = orientation.is_transposed ? kSide : 1;
    int from = orientation.is_transposed ? y : y * kSide;
    if (orientation.is_mirrored) from += (kSide - 1) * step_x;
    const int step = orientation.is_mirrored ? -step_x : step_x;
    for (int x = 0; x < kSide; ++x) {
      product +=
          a.details[static_cast<std::size_t>(row * kSide + x)] * b.details[static_cast<std::size_t>(from + x * step)];
    }
  }
  return correlation_of(product, a, b);
}

}  // namespace margay::data
