#include "margay/data/transform/geometry.h"

#include <cstddef>

namespace margay::data {

Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix product;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      product.m[row][column] =
          a.m[row][0] * b.m[0][column] + a.m[row][1] * b.m[1][column] + a.m[row][2] * b.m[2][column];
    }
  }
  return product;
}

Matrix identity_matrix() { return {}; }

Matrix translate(double dx, double dy) { return {{{{1, 0, dx}, {0, 1, dy}, {0, 0, 1}}}}; }

Matrix scale(double sx, double sy) { return {{{{sx, 0, 0}, {0, sy, 0}, {0, 0, 1}}}}; }

Matrix flip_horizontally(double width) { return translate(width, 0) * scale(-1, 1); }

Point apply(const Matrix& matrix, Point point) {
  const auto component = [&](std::size_t row) {
    return matrix.m[row][0] * point.x + matrix.m[row][1] * point.y + matrix.m[row][2];
  };
  const double divisor = component(2);
  return {component(0) / divisor, component(1) / divisor};
}

}  // namespace margay::data
