#include "margay/data/show_batch.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

namespace margay::data {
namespace {

/// values: float [H,W,3], normalised.
core::Image undo(const float* values, int height, int width, const Normalization& normalization) {
  core::Image image(height, width);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const std::size_t c = i % 3;
    const double unit = values[i] * normalization.std[c] + normalization.mean[c];
    image.pixels[i] = static_cast<std::uint8_t>(std::clamp(unit * 255 + 0.5, 0.0, 255.0));
  }
  return image;
}

/// shares: float [K].
std::string words(const torch::Tensor& shares, const Vocabulary& vocabulary) {
  std::string text;
  for (std::int64_t k = 0; k < shares.size(0); ++k) {
    const double share = shares[k].item<double>();
    if (share == 0) continue;
    text += (text.empty() ? "" : " + ") + vocabulary.name(k) + (share == 1 ? "" : fmt::format(" {:.2g}", share));
  }
  return text.empty() ? "(none)" : text;
}

std::string caption_of(const torch::Tensor& target, const Vocabulary& vocabulary) {
  return target.dim() == 0 ? vocabulary.name(target.item<std::int64_t>()) : words(target, vocabulary);
}

}  // namespace

core::Image seen_image(const at::Tensor& pixels, const Normalization& normalization) {
  const torch::Tensor rows = pixels.detach().permute({1, 2, 0}).to(torch::kCPU, torch::kFloat).contiguous();  // [H,W,3]
  return undo(rows.data_ptr<float>(), static_cast<int>(rows.size(0)), static_cast<int>(rows.size(1)), normalization);
}

std::vector<chart::Tile> batch_tiles(const Batch& batch, const Vocabulary& vocabulary,
                                     const Normalization& normalization, int max_n) {
  if (max_n < 1) throw std::invalid_argument("[show_batch] max_n must be positive");
  std::vector<chart::Tile> tiles;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(max_n, batch.size()); ++i) {
    tiles.push_back({seen_image(batch.images[i], normalization), caption_of(batch.targets[i], vocabulary)});
  }
  return tiles;
}

core::Image show_batch(const Batch& batch, const Vocabulary& vocabulary, const Normalization& normalization,
                       int max_n) {
  return chart::tile_grid(batch_tiles(batch, vocabulary, normalization, max_n));
}

std::vector<chart::Tile> draw_tiles(const ImagePipeline& pipeline, const ImageSource& image, const std::string& caption,
                                    int draws, std::uint64_t seed) {
  const HeldImage held = hold_image(image, pipeline.read_options());
  return draw_tiles(pipeline, held.image, caption, draws, seed);
}

std::vector<chart::Tile> draw_tiles(const ImagePipeline& pipeline, const core::Image& whole, const std::string& caption,
                                    int draws, std::uint64_t seed) {
  if (draws < 1) throw std::invalid_argument("[show_batch] draws must be positive");
  const int side = pipeline.output_size();
  std::vector<float> values(static_cast<std::size_t>(pipeline.output_floats()));
  std::vector<chart::Tile> tiles;
  for (int draw = 0; draw <= draws; ++draw) {
    const Phase phase = draw == 0 ? Phase::kValid : Phase::kTrain;
    core::Random random{seed, static_cast<std::uint64_t>(draw)};
    const core::Image item = pipeline.item_transform().apply(whole, phase, random);
    pipeline.finish(item, phase, random, values.data());
    tiles.push_back({undo(values.data(), side, side, pipeline.transforms().normalization),
                     draw == 0 ? caption : fmt::format("draw {}", draw)});
  }
  return tiles;
}

}  // namespace margay::data
