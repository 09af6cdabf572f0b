#include "margay/chart/colour_map.h"

#include <algorithm>
#include <cmath>

namespace margay::chart {
namespace {

double linear_of(std::uint8_t value) {
  const double encoded = value / 255.0;
  return encoded <= 0.04045 ? encoded / 12.92 : std::pow((encoded + 0.055) / 1.055, 2.4);
}

std::uint8_t encoded_of(double linear) {
  const double clipped = std::clamp(linear, 0.0, 1.0);
  const double encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * std::pow(clipped, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(255 * encoded));
}

// The ends of the map: equal lightness and chroma, hues near Okabe and Ito's vermilion and blue.
constexpr Oklab kForEnd = {.lightness = 0.64, .green_red = 0.115, .blue_yellow = 0.115};
constexpr Oklab kAgainstEnd = {.lightness = 0.64, .green_red = -0.04, .blue_yellow = -0.1577};
constexpr double kMostCover = 0.8;  ///< of the pixel, at the ends: the image still shows through
constexpr Rgb kMiddleGrey = {186, 186, 186};

}  // namespace

Oklab oklab_of(const Rgb& colour) {
  const double r = linear_of(colour.red);
  const double g = linear_of(colour.green);
  const double b = linear_of(colour.blue);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {.lightness = 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          .green_red = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          .blue_yellow = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

Rgb rgb_of(const Oklab& colour) {
  const double l = std::pow(colour.lightness + 0.3963377774 * colour.green_red + 0.2158037573 * colour.blue_yellow, 3);
  const double m = std::pow(colour.lightness - 0.1055613458 * colour.green_red - 0.0638541728 * colour.blue_yellow, 3);
  const double s = std::pow(colour.lightness - 0.0894841775 * colour.green_red - 1.2914855480 * colour.blue_yellow, 3);
  return {encoded_of(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          encoded_of(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          encoded_of(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

Rgb diverging_over(const Rgb& pixel, double value) {
  const double strength = std::isnan(value) ? 0 : kMostCover * std::min(std::abs(value), 1.0);
  const Oklab& end = value > 0 ? kForEnd : kAgainstEnd;
  const double grey = oklab_of(pixel).lightness;
  return rgb_of({.lightness = grey + strength * (end.lightness - grey),
                 .green_red = strength * end.green_red,
                 .blue_yellow = strength * end.blue_yellow});
}

Rgb diverging_colour(double value) { return diverging_over(kMiddleGrey, value); }

}  // namespace margay::chart
