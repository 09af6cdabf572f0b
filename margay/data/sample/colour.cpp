#include "margay/data/sample/colour.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace margay::data::sample {
namespace {

/// One rung of the ladder of lightness; very dark and very light colours hold little chroma.
struct Rung {
  double lightness;
  double chroma;
};
constexpr std::array<Rung, 4> kLadder{{{0.33, 0.085}, {0.54, 0.145}, {0.74, 0.125}, {0.92, 0.055}}};

/// Hues of the four colours against the first one, in turns: the harmonies that painters teach.
constexpr std::array<std::array<double, 4>, 5> kHarmonies{{
    {0.00, 0.08, 0.16, 0.24},  // analogous
    {0.00, 0.50, 0.08, 0.58},  // complementary
    {0.00, 0.42, 0.58, 0.08},  // split complementary
    {0.00, 0.33, 0.67, 0.05},  // triad
    {0.00, 0.25, 0.50, 0.75},  // square
}};

float to_srgb(double linear) {
  const double clipped = std::clamp(linear, 0.0, 1.0);
  const double encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * std::pow(clipped, 1 / 2.4) - 0.055;
  return static_cast<float>(255 * encoded);
}

}  // namespace

Colour oklch(double lightness, double chroma, double hue) {
  const double a = chroma * std::cos(2 * std::numbers::pi * hue);
  const double b = chroma * std::sin(2 * std::numbers::pi * hue);
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {to_srgb(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          to_srgb(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          to_srgb(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

Palette draw_palette(core::Random& random) {
  const double hue = random.uniform();
  const auto& harmony = kHarmonies[random.below(kHarmonies.size())];
  const std::vector<std::size_t> rung_of = core::permutation(kLadder.size(), core::Random({random.next()}));
  std::array<Colour, 4> colours;
  for (std::size_t i = 0; i < colours.size(); ++i) {
    const Rung& rung = kLadder[rung_of[i]];
    const double lightness = rung.lightness + random.uniform(-0.03, 0.03);
    const double chroma = rung.chroma * random.uniform(0.7, 1.15);
    colours[i] = oklch(lightness, chroma, hue + harmony[i] + random.uniform(-0.03, 0.03));
  }
  return {colours[0], colours[1], colours[2], colours[3]};
}

Colour draw_relative(const Palette& palette, core::Random& random) {
  const std::array<Colour, 4> colours{palette.ground, palette.main, palette.accent, palette.detail};
  const Colour& first = colours[random.below(colours.size())];
  const Colour& second = colours[random.below(colours.size())];
  return mix(first, second, random.uniform(0, 0.35));
}

}  // namespace margay::data::sample
