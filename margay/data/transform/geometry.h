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

/// The point of the source that `point` of the output maps to.
Point apply(const Matrix& matrix, Point point);

/// fastai's geometric transforms (fastai 2.7, vision/augment.py: dihedral_mat, rotate_mat, zoom_mat, _WarpCoord) on
/// the frame [-1,1] x [-1,1], x to the right and y downwards. Each maps a place in the output to one in the source.

/// The symmetries of the square in fastai's order: 0 nothing, 1 mirrored left and right, 2 upside down, 3 … 7 the
/// others. Throws std::invalid_argument for another index.
Matrix frame_dihedral(int index);

/// Positive degrees show the image turned anticlockwise.
Matrix frame_rotate(double degrees);

/// factor above 1 shows a part of the image, enlarged; at_x and at_y, 0 … 1, place it: 0.5 is the middle.
Matrix frame_zoom(double factor, double at_x, double at_y);

/// Adapts a product of these maps to a frame of height : width, so that angles are kept.
Matrix frame_for_aspect(const Matrix& matrix, double height, double width);

/// A tilted view: the corners of the image, (±1, ±1), move to (s_x - y s_x s_y, s_y - x s_x s_y). Applied after the
/// maps above: perspective * matrix. |x| and |y| below 0.7.
Matrix frame_perspective(double x, double y);

/// Frame -> pixels of the rectangle.
Matrix frame_to_pixels(double left, double top, double width, double height);

/// Pixels of the rectangle -> frame.
Matrix pixels_to_frame(double left, double top, double width, double height);

}  // namespace margay::data
