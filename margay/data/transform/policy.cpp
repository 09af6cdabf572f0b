#include "margay/data/transform/policy.h"

#include <cmath>
#include <numbers>

namespace margay::data {
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
