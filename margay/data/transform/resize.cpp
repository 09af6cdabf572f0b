#include "margay/data/transform/resize.h"

#include <algorithm>
#include <stdexcept>

#include "margay/data/image/resample.h"

namespace margay::data {

Resize::Resize(ResizeOptions options) : options_(options) { core::validate(options_); }

Image Resize::apply(const Image& image, Phase phase, core::Random& random) const {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[resize] the picture has no pixels");
  const int side = std::min(image.height, image.width);
  const double at_x = phase == Phase::kTrain ? random.uniform() : 0.5;  // x first, as in fastai
  const double at_y = phase == Phase::kTrain ? random.uniform() : 0.5;
  const int left = static_cast<int>(at_x * (image.width - side));
  const int top = static_cast<int>(at_y * (image.height - side));
  const Box box = {double(left), double(top), double(left + side), double(top + side)};
  return resample(image, box, options_.size, options_.size);
}

Resize resize(ResizeOptions options) { return Resize(options); }

}  // namespace margay::data
