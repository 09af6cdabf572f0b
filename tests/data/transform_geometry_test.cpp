#include "margay/data/transform/geometry.h"

#include <gtest/gtest.h>

namespace margay::data {
namespace {

void expect_point(Point actual, double x, double y) {
  EXPECT_DOUBLE_EQ(actual.x, x);
  EXPECT_DOUBLE_EQ(actual.y, y);
}

TEST(Matrix, AppliesTheRightFactorFirst) {
  const Matrix crop = translate(10, 20) * scale(2, 3);
  expect_point(apply(crop, {0, 0}), 10, 20);
  expect_point(apply(crop, {1, 1}), 12, 23);
}

TEST(Matrix, FlipsWithinTheWidth) {
  expect_point(apply(flip_horizontally(8), {0.5, 3}), 7.5, 3);
  EXPECT_EQ(flip_horizontally(8) * flip_horizontally(8), identity_matrix());
}

TEST(Matrix, DividesByTheThirdComponent) {
  Matrix projective;
  projective.m[2] = {0, 0.5, 1};
  EXPECT_FALSE(projective.is_affine());
  expect_point(apply(projective, {4, 2}), 2, 1);
}

TEST(Matrix, StaysAffineUnderProducts) {
  EXPECT_TRUE((translate(1, 2) * scale(3, 4) * flip_horizontally(5)).is_affine());
}

}  // namespace
}  // namespace margay::data
