#pragma once

#include <opencv2/core.hpp>

#include "margay/data/sample/colour.h"
#include "margay/data/sample/path.h"
#include "margay/data/sample/texture.h"

namespace margay::data::sample {

/// A colour, or two of them mixed by a texture.
struct Paint {
  Colour base;
  Colour ink = base;
  Texture texture = nullptr;
};

/// What a canvas holds in the end, at the image's own size.
struct Layer {
  cv::Mat colour;  ///< uint8 [H,W,3], RGB, already multiplied by alpha
  cv::Mat alpha;   ///< uint8 [H,W], 255 where opaque
};

/// A transparent sheet on which drawings in their own coordinates become smooth pixels.
class Canvas {
 public:
  Canvas(cv::Size size, const Placing& placing);

  void fill(const Path& path, const Paint& paint);
  /// A line with round ends; `width` in the drawing's units.
  void stroke(const Path& line, double width, const Colour& colour);
  /// Cuts a hole.
  void erase(const Path& path);

  Layer finish() const;

 private:
  cv::Size size_;
  Placing placing_;  ///< to pixels of the enlarged canvas
  Placing back_;
  cv::Mat colour_;
  cv::Mat alpha_;

  std::vector<cv::Point> to_pixels(const Path& path) const;
  void blend(const cv::Mat& mask, cv::Point corner, const Paint& paint);
};

/// Puts the layer over `image`, uint8 [H,W,3] of the same size.
void lay_over(cv::Mat& image, const Layer& layer);

}  // namespace margay::data::sample
