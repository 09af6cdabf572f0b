#pragma once

#include <array>

namespace margay::data {

struct Point {
  double x = 0;
  double y = 0;
};

/// A map of the plane from output to source: source = matrix * (x, y, 1), divided by the third component.
/// Coordinates are continuous: pixel i covers [i, i+1) and its centre lies at i + 0.5 (Pillow's and
/// torchvision's convention, align_corners=False). Row-major; identity by default.
struct Matrix {
  std::array<std::array<double, 3>, 3> m = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

  /// Whether the third component is always 1: parallels stay parallel.
  bool is_affine() const { return m[2][0] == 0 && m[2][1] == 0 && m[2][2] == 1; }
  bool operator==(const Matrix&) const = default;
};

/// First `b`, then `a`. So translate(left, top) * scale(…) finds a crop's pixels in the whole image.
Matrix operator*(const Matrix& a, const Matrix& b);

Matrix identity_matrix();
Matrix translate(double dx, double dy);
Matrix scale(double sx, double sy);
/// Mirrors left and right within [0, width].
Matrix flip_horizontally(double width);

/// Where `point` of the output lies in the source.
Point apply(const Matrix& matrix, Point point);

}  // namespace margay::data
