#include "margay/data/image/preview.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/chart/caption.h"
#include "margay/data/image/resample.h"

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

std::string half_blocks(const core::Image& image, int columns) {
  if (image.height < 1 || image.width < 1 || columns < 1) {
    throw std::invalid_argument("[half_blocks] needs an image with pixels, and columns from 1 on");
  }
  const int width = std::min(columns, image.width);
  const int height = std::max(1, static_cast<int>(static_cast<std::int64_t>(image.height) * width / image.width));
  const Box whole = {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  const core::Image small = resample(image, whole, height, width);
  std::string text;
  for (int y = 0; y < height; y += 2) {
    const std::uint8_t* upper = small.row(y);
    const std::uint8_t* lower = y + 1 < height ? small.row(y + 1) : nullptr;
    for (int x = 0; x < width; ++x, upper += 3) {
      fmt::format_to(std::back_inserter(text), "\x1b[38;2;{};{};{}m", upper[0], upper[1], upper[2]);
      if (lower != nullptr) {
        fmt::format_to(std::back_inserter(text), "\x1b[48;2;{};{};{}m", lower[0], lower[1], lower[2]);
        lower += 3;
      }
      text += "▀";
    }
    text += "\x1b[0m\n";
  }
  return text;
}

}  // namespace margay::data
