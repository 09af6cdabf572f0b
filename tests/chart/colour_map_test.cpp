#include "margay/chart/colour_map.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace margay::chart {
namespace {

double distance_of(const Oklab& a, const Oklab& b) {
  return std::hypot(a.lightness - b.lightness, a.green_red - b.green_red, a.blue_yellow - b.blue_yellow);
}

TEST(Oklabs, KnowTheColoursOfTheirAuthor) {
  // Ottosson 2020, table "Table of example XYZ and oklab pairs" gives white; red as CSS Color 4 has it.
  const Oklab white = oklab_of({255, 255, 255});
  EXPECT_NEAR(white.lightness, 1, 1e-3);
  EXPECT_NEAR(white.green_red, 0, 1e-3);
  const Oklab red = oklab_of({255, 0, 0});
  EXPECT_NEAR(red.lightness, 0.62796, 1e-4);
  EXPECT_NEAR(red.green_red, 0.22486, 1e-4);
  EXPECT_NEAR(red.blue_yellow, 0.12585, 1e-4);
}

TEST(Oklabs, AreTheSameColourAgain) {
  for (const Rgb colour : {Rgb{0, 0, 0}, Rgb{255, 255, 255}, Rgb{12, 200, 77}, Rgb{213, 94, 0}, Rgb{1, 2, 250}})
    EXPECT_EQ(rgb_of(oklab_of(colour)), colour);
}

TEST(DivergingColours, ShowTheSignAndAreGreyAtZero) {
  const Rgb zero = diverging_colour(0);
  EXPECT_EQ(zero.red, zero.green);
  EXPECT_EQ(zero.green, zero.blue);
  EXPECT_GT(diverging_colour(1).red, diverging_colour(1).blue + 60);
  EXPECT_GT(diverging_colour(-1).blue, diverging_colour(-1).red + 60);
  EXPECT_EQ(diverging_colour(7), diverging_colour(1));
  EXPECT_EQ(diverging_colour(std::numeric_limits<double>::quiet_NaN()), zero);
}

TEST(DivergingColours, ChangeInStepsThatLookEqual) {
  std::vector<double> steps;
  for (int i = -10; i < 10; ++i)
    steps.push_back(distance_of(oklab_of(diverging_colour(i / 10.0)), oklab_of(diverging_colour((i + 1) / 10.0))));
  for (const double step : steps) EXPECT_NEAR(step, steps.front(), 0.2 * steps.front());  // 8 bits a channel
}

/// What the colour looks like without one kind of cones, by the matrices for severity 1 in linear RGB of Machado,
/// Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
Rgb without_cones(const Rgb& colour, const double (&matrix)[3][3]) {
  const auto linear = [](std::uint8_t v) { return std::pow(v / 255.0, 2.2); };
  const double in[3] = {linear(colour.red), linear(colour.green), linear(colour.blue)};
  std::uint8_t out[3];
  for (int i = 0; i < 3; ++i) {
    const double sum = matrix[i][0] * in[0] + matrix[i][1] * in[1] + matrix[i][2] * in[2];
    out[i] = static_cast<std::uint8_t>(std::lround(255 * std::pow(std::fmin(std::fmax(sum, 0), 1), 1 / 2.2)));
  }
  return {out[0], out[1], out[2]};
}

TEST(DivergingColours, DifferForEveryColourVision) {
  constexpr double kProtanopia[3][3] = {
      {0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}};
  constexpr double kDeuteranopia[3][3] = {
      {0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}};
  constexpr double kTritanopia[3][3] = {
      {1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}};
  const auto apart = [](const double(&matrix)[3][3], double a, double b) {
    return distance_of(oklab_of(without_cones(diverging_colour(a), matrix)),
                       oklab_of(without_cones(diverging_colour(b), matrix)));
  };
  const auto expect_apart = [&](const double(&matrix)[3][3]) {
    EXPECT_GT(apart(matrix, -1, 1), 0.12);  // red and orange of Okabe and Ito's palette are .08 apart
    EXPECT_GT(apart(matrix, -1, 0), 0.05);
    EXPECT_GT(apart(matrix, 0, 1), 0.05);
  };
  expect_apart(kProtanopia);
  expect_apart(kDeuteranopia);
  expect_apart(kTritanopia);
}

}  // namespace
}  // namespace margay::chart
