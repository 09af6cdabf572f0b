#include "margay/data/transform/geometry.h"

#include <cmath>
#include <cstddef>
#include <numbers>
#include <stdexcept>

#include <fmt/format.h>

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

namespace {

Matrix linear(double xx, double xy, double yx, double yy) { return {{{{xx, xy, 0}, {yx, yy, 0}, {0, 0, 1}}}}; }

}  // namespace

Matrix frame_dihedral(int index) {
  switch (index) {
    case 0:
      return identity_matrix();
    case 1:
      return linear(-1, 0, 0, 1);
    case 2:
      return linear(1, 0, 0, -1);
    case 3:
      return linear(0, -1, 1, 0);
    case 4:
      return linear(-1, 0, 0, -1);
    case 5:
      return linear(0, 1, -1, 0);
    case 6:
      return linear(0, 1, 1, 0);
    case 7:
      return linear(0, -1, -1, 0);
    default:
      throw std::invalid_argument(fmt::format("[frame_dihedral] index must be 0 to 7, got {}", index));
  }
}

Matrix frame_rotate(double degrees) {
  const double angle = degrees * std::numbers::pi / 180;
  return linear(std::cos(angle), std::sin(angle), -std::sin(angle), std::cos(angle));
}

Matrix frame_zoom(double factor, double at_x, double at_y) {
  const double s = 1 / factor;
  return translate((1 - s) * (2 * at_x - 1), (1 - s) * (2 * at_y - 1)) * scale(s, s);
}

Matrix frame_for_aspect(const Matrix& matrix, double height, double width) {
  Matrix adapted = matrix;
  adapted.m[0][1] *= height / width;
  adapted.m[1][0] *= width / height;
  return adapted;
}

Matrix frame_perspective(double x, double y) {
  if (x == 0 && y == 0) return identity_matrix();
  // The inverse of [[1 - y², -xy, x], [-xy, 1 - x², y], [x, y, 1]], which takes the corners where the image's go.
  const double k = 1 - x * x - y * y;
  const double both = 2 * x * y / k;
  const double u = -x * (1 + y * y - x * x) / k;
  const double v = -y * (1 + x * x - y * y) / k;
  return {{{{1, both, u}, {both, 1, v}, {u, v, 1}}}};
}

Matrix frame_to_pixels(double left, double top, double width, double height) {
  return translate(left + width / 2, top + height / 2) * scale(width / 2, height / 2);
}

Matrix pixels_to_frame(double left, double top, double width, double height) {
  return scale(2 / width, 2 / height) * translate(-left - width / 2, -top - height / 2);
}

}  // namespace margay::data
