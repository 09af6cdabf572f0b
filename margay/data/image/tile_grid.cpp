#include "margay/data/image/tile_grid.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "margay/chart/caption.h"

namespace margay::data {
namespace {

constexpr int kCaptionPx = 22;
constexpr int kGapPx = 8;

void paste(const core::Image& tile, int top, int left, core::Image& canvas) {
  for (int y = 0; y < tile.height; ++y) {
    std::copy_n(tile.row(y), std::ptrdiff_t{3} * tile.width, canvas.row(top + y) + std::ptrdiff_t{3} * left);
  }
}

}  // namespace

core::Image tile_grid(std::span<const Tile> tiles, int columns) {
  if (tiles.empty() || columns < 0) throw std::invalid_argument("[tile_grid] needs tiles, and columns not negative");
  const int count = static_cast<int>(tiles.size());
  if (columns == 0) columns = static_cast<int>(std::ceil(std::sqrt(count)));
  const int rows = (count + columns - 1) / columns;
  int height = 0;
  int width = 0;
  for (const Tile& tile : tiles) {
    height = std::max(height, tile.image.height);
    width = std::max(width, tile.image.width);
  }
  const int row_step = height + kCaptionPx + kGapPx;
  const int column_step = width + kGapPx;
  core::Image canvas(rows * row_step + kGapPx, columns * column_step + kGapPx);
  std::fill(canvas.pixels.begin(), canvas.pixels.end(), std::uint8_t{255});
  for (int i = 0; i < count; ++i) {
    const Tile& tile = tiles[static_cast<std::size_t>(i)];
    const int top = kGapPx + i / columns * row_step;
    const int left = kGapPx + i % columns * column_step;
    paste(tile.image, top + (height - tile.image.height) / 2, left + (width - tile.image.width) / 2, canvas);
    chart::draw_caption(canvas, tile.caption,
                        {.top = top + height, .left = left, .height = kCaptionPx, .width = width});
  }
  return canvas;
}

}  // namespace margay::data
