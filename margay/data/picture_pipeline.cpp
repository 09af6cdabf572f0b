#include "margay/data/picture_pipeline.h"

#include "margay/data/image/read_image.h"

namespace margay::data {

PicturePipeline::PicturePipeline(const Recipe& recipe)
    : recipe_(recipe), resize_(recipe.resize), augment_(recipe.augment) {}

std::int64_t PicturePipeline::output_floats() const {
  return std::int64_t{3} * recipe_.augment.size * recipe_.augment.size;
}

Image PicturePipeline::item(const std::filesystem::path& path, Phase phase, core::Random& random) const {
  return resize_.apply(read_image(path), phase, random);
}

void PicturePipeline::finish(const Image& item, Phase phase, core::Random& random, float* out) const {
  const Matrix matrix = augment_.draw(item.height, item.width, phase, random);
  augment_.apply(item, matrix, recipe_.normalization, out);
}

void PicturePipeline::run(const std::filesystem::path& path, Phase phase, core::Random random, float* out) const {
  finish(item(path, phase, random), phase, random, out);
}

}  // namespace margay::data
