#include "margay/data/transform/policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::data {
namespace {

using Table = std::array<std::uint8_t, 256>;
using Histogram = std::array<std::int64_t, 256>;

template <class Value>
Table table_of(Value&& value) {
  Table table{};
  for (int i = 0; i < 256; ++i) table[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value(i));
  return table;
}

void look_up(core::Image& image, const std::array<Table, 3>& tables) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    std::uint8_t* pixel = &image.pixels[i];
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = tables[c][pixel[c]];
  }
}

void look_up(core::Image& image, const Table& table) {
  for (std::uint8_t& value : image.pixels) value = table[value];
}

/// Pillow's Image.blend (libImaging/Blend.c): fractions are cut off, and outside 0 … 1 the result is clipped.
std::uint8_t blend(int degenerate, int value, float factor) {
  const float mixed = static_cast<float>(degenerate) + factor * static_cast<float>(value - degenerate);
  return static_cast<std::uint8_t>(std::clamp(mixed, 0.0F, 255.0F));
}

/// Pillow's conversion to "L" (ITU-R 601-2 in 16-bit fixed point).
int grey(const std::uint8_t* pixel) { return (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16; }

void blend_with_grey(core::Image& image, float factor) {
  std::uint8_t* pixel = image.pixels.data();
  for (const std::uint8_t* end = pixel + image.pixels.size(); pixel != end; pixel += 3) {
    const int degenerate = grey(pixel);
    pixel[0] = blend(degenerate, pixel[0], factor);
    pixel[1] = blend(degenerate, pixel[1], factor);
    pixel[2] = blend(degenerate, pixel[2], factor);
  }
}

void blend_with_constant(core::Image& image, int constant, float factor) {
  look_up(image, table_of([&](int value) { return blend(constant, value, factor); }));
}

int mean_grey(const core::Image& image) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) sum += grey(&image.pixels[i]);
  return static_cast<int>(static_cast<double>(sum) / (static_cast<double>(image.pixels.size()) / 3) + 0.5);
}

/// sums[i] is the sum of three rows at byte i.
void add_rows(const std::uint8_t* above, const std::uint8_t* here, const std::uint8_t* below,
              std::vector<std::uint16_t>& sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<std::uint16_t>(above[i] + here[i] + below[i]);
}

/// Blends with ImageFilter.SMOOTH: 3 x 3, the middle weighs 5 of 13; the outermost pixels are left.
void blend_with_smoothed(core::Image& image, float factor) {
  const core::Image from = image;
  std::vector<std::uint16_t> sums(std::size_t{3} * static_cast<std::size_t>(from.width));
  for (int y = 1; y + 1 < from.height; ++y) {
    const std::uint8_t* here = from.row(y);
    std::uint8_t* out = image.row(y);
    add_rows(from.row(y - 1), here, from.row(y + 1), sums);
    for (std::size_t i = 3; i + 3 < sums.size(); ++i) {
      const int sum = sums[i - 3] + sums[i] + sums[i + 3] + 4 * here[i];
      const int smoothed = ((2 * sum + 13) * 20165) >> 19;  // / 26, exact below 7,000
      out[i] = blend(smoothed, here[i], factor);
    }
  }
}

std::array<Histogram, 3> histograms(const core::Image& image) {
  std::array<Histogram, 3> counts{};
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t c = 0; c < 3; ++c) ++counts[c][image.pixels[i + c]];
  }
  return counts;
}

/// ImageOps.autocontrast without cutoff.
Table stretching(const Histogram& counts) {
  int low = 0;
  int high = 255;
  while (low < 255 && counts[static_cast<std::size_t>(low)] == 0) ++low;
  while (high > 0 && counts[static_cast<std::size_t>(high)] == 0) --high;
  if (high <= low) return table_of([](int value) { return value; });
  const double scale = 255.0 / (high - low);
  const double offset = -low * scale;
  return table_of([&](int value) { return std::clamp(static_cast<int>(value * scale + offset), 0, 255); });
}

/// ImageOps.equalize without mask.
Table flattening(const Histogram& counts) {
  const auto last = std::find_if(counts.rbegin(), counts.rend(), [](std::int64_t count) { return count > 0; });
  const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  const std::int64_t step = last == counts.rend() ? 0 : (total - *last) / 255;
  if (step == 0) return table_of([](int value) { return value; });
  std::int64_t below = step / 2;
  return table_of([&](int value) {
    const std::int64_t level = std::min<std::int64_t>(below / step, 255);
    below += counts[static_cast<std::size_t>(value)];
    return level;
  });
}

template <class ToTable>
void look_up_own(core::Image& image, ToTable&& to_table) {
  const std::array<Histogram, 3> counts = histograms(image);
  look_up(image, {to_table(counts[0]), to_table(counts[1]), to_table(counts[2])});
}

void posterize(core::Image& image, double bits) {
  if (!(bits >= 0 && bits <= 8))
    throw std::invalid_argument(fmt::format("[posterize] bits must be 0 to 8, got {}", bits));
  const int mask = 0xFF << (8 - static_cast<int>(bits));
  look_up(image, table_of([&](int value) { return value & mask; }));
}

float factor_of(const ImageOp& op) {
  if (op.strength >= 0 && std::isfinite(op.strength)) return static_cast<float>(op.strength);
  throw std::invalid_argument(fmt::format("[image op] the factor must not be negative, got {}", op.strength));
}

}  // namespace

void apply(const ImageOp& op, core::Image& image) {
  if (image.pixels.empty()) return;
  switch (op.kind) {
    case ImageOp::Kind::kBrightness:
      return blend_with_constant(image, 0, factor_of(op));
    case ImageOp::Kind::kColor:
      return blend_with_grey(image, factor_of(op));
    case ImageOp::Kind::kContrast:
      return blend_with_constant(image, mean_grey(image), factor_of(op));
    case ImageOp::Kind::kSharpness:
      return blend_with_smoothed(image, factor_of(op));
    case ImageOp::Kind::kPosterize:
      return posterize(image, op.strength);
    case ImageOp::Kind::kSolarize:
      return look_up(image, table_of([&](int value) { return value < op.strength ? value : 255 - value; }));
    case ImageOp::Kind::kAutoContrast:
      return look_up_own(image, stretching);
    case ImageOp::Kind::kEqualize:
      return look_up_own(image, flattening);
  }
}

core::Image apply_all(std::span<const ImageOp> ops, core::Image image) {
  for (const ImageOp& op : ops) apply(op, image);
  return image;
}

namespace {

constexpr int kHighest = 30;  // strengths are 0 … 30
constexpr int kNumOperations = 14;

/// The strongest of each operation.
struct Ranges {
  double shear;
  double translate_px;
  double rotate_degrees;
  double colour;
  double posterize_bits;  ///< how many bits go
};

Ranges rand_augment_ranges(int size) { return {0.3, 150.0 / 331 * size, 30, 0.9, 4}; }
Ranges trivial_augment_ranges() { return {0.99, 32, 135, 0.99, 6}; }

Matrix rotation(double degrees, double size) {
  const double angle = degrees * std::numbers::pi / 180;
  Matrix turn;
  turn.m[0] = {std::cos(angle), -std::sin(angle), 0};
  turn.m[1] = {std::sin(angle), std::cos(angle), 0};
  return translate(size / 2, size / 2) * turn * translate(-size / 2, -size / 2);
}

Matrix shear(double along_x, double along_y) {
  Matrix matrix;
  matrix.m[0][1] = along_x;
  matrix.m[1][0] = along_y;
  return matrix;
}

/// share: strength / 30, with a sign for the operations that have one.
void add_operation(std::uint64_t index, double share, double sign, const Ranges& most, int size, PolicyDraw& draw) {
  using Operation = ImageOp::Kind;
  const auto geometry = [&](const Matrix& matrix) { draw.matrix = draw.matrix * matrix; };
  const auto colour = [&](Operation kind, double strength) { draw.image_ops.push_back({kind, strength}); };
  const double factor = 1 + sign * share * most.colour;
  switch (index) {
    case 1:
      return geometry(shear(sign * share * most.shear, 0));
    case 2:
      return geometry(shear(0, sign * share * most.shear));
    case 3:
      return geometry(translate(sign * std::trunc(share * most.translate_px), 0));
    case 4:
      return geometry(translate(0, sign * std::trunc(share * most.translate_px)));
    case 5:
      return geometry(rotation(sign * share * most.rotate_degrees, size));
    case 6:
      return colour(Operation::kBrightness, factor);
    case 7:
      return colour(Operation::kColor, factor);
    case 8:
      return colour(Operation::kContrast, factor);
    case 9:
      return colour(Operation::kSharpness, factor);
    case 10:
      return colour(Operation::kPosterize, 8 - std::nearbyint(share * most.posterize_bits));
    case 11:
      return colour(Operation::kSolarize, 255 * (1 - share));
    case 12:
      return colour(Operation::kAutoContrast, 0);
    case 13:
      return colour(Operation::kEqualize, 0);
    default:
      return;  // identity
  }
}

}  // namespace

PolicyDraw draw_policy(const PolicyOptions& options, int size, core::Random& random) {
  PolicyDraw draw;
  const bool is_trivial = options.policy == Policy::kTrivialAugment;
  const Ranges most = is_trivial ? trivial_augment_ranges() : rand_augment_ranges(size);
  const int count = options.policy == Policy::kNone ? 0 : (is_trivial ? 1 : options.num_ops);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t index = random.below(kNumOperations);
    const double strength = is_trivial ? static_cast<double>(random.below(kHighest + 1)) : options.magnitude;
    const double sign = random.chance(0.5) ? -1 : 1;
    add_operation(index, strength / kHighest, sign, most, size, draw);
  }
  return draw;
}

}  // namespace margay::data
