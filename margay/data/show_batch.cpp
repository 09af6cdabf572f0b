#include "margay/data/show_batch.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <torch/types.h>

#include "margay/data/image/caption.h"

namespace margay::data {
namespace {

constexpr int kCaptionPx = 22;
constexpr int kGapPx = 8;

/// images: float [N,3,H,W], normalised. Result: uint8 [N,H,W,3].
torch::Tensor pixels_of(const torch::Tensor& images, const Normalization& normalization) {
  const auto per_channel = [](const std::array<double, 3>& values) {
    return torch::tensor({values[0], values[1], values[2]}, torch::kFloat).view({1, 3, 1, 1});
  };
  const torch::Tensor unit = images.cpu() * per_channel(normalization.std) + per_channel(normalization.mean);
  return unit.mul(255).round().clamp(0, 255).to(torch::kByte).permute({0, 2, 3, 1}).contiguous();
}

/// pixels: uint8 [H,W,3].
void paste(Image& canvas, const torch::Tensor& pixels, int top, int left) {
  const std::int64_t row_bytes = pixels.size(1) * 3;
  const std::uint8_t* source = pixels.data_ptr<std::uint8_t>();
  for (int y = 0; y < pixels.size(0); ++y) {
    std::copy_n(source + y * row_bytes, row_bytes, canvas.row(top + y) + std::ptrdiff_t{3} * left);
  }
}

}  // namespace

Image show_batch(const Batch& batch, const Vocabulary& vocabulary, const Normalization& normalization, int max_n) {
  if (max_n < 1) throw std::invalid_argument("[show_batch] max_n must be positive");
  const int count = static_cast<int>(std::min<std::int64_t>(max_n, batch.size()));
  const int columns = static_cast<int>(std::ceil(std::sqrt(count)));
  const int rows = (count + columns - 1) / columns;
  const int side = static_cast<int>(batch.images.size(2));
  const int cell_height = side + kCaptionPx;
  Image canvas(rows * (cell_height + kGapPx) + kGapPx, columns * (side + kGapPx) + kGapPx);
  std::fill(canvas.pixels.begin(), canvas.pixels.end(), std::uint8_t{255});
  const torch::Tensor pixels = pixels_of(batch.images.slice(0, 0, count), normalization);
  for (int i = 0; i < count; ++i) {
    const int top = kGapPx + (i / columns) * (cell_height + kGapPx);
    const int left = kGapPx + (i % columns) * (side + kGapPx);
    paste(canvas, pixels[i], top, left);
    draw_caption(canvas, vocabulary.name(batch.targets[i].item<std::int64_t>()),
                 {.top = top + side, .left = left, .height = kCaptionPx, .width = side});
  }
  return canvas;
}

}  // namespace margay::data
