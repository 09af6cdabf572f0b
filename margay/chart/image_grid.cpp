#include "margay/chart/image_grid.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/chart/render.h"

namespace margay::chart {
namespace {

constexpr int kCaptionPx = 22;
constexpr int kTileGapPx = 8;

struct Cell {
  int height = 0;
  int width = 0;
};

Cell largest(std::span<const Tile> tiles) {
  Cell cell;
  for (const Tile& tile : tiles) {
    cell.height = std::max(cell.height, tile.image.height);
    cell.width = std::max(cell.width, tile.image.width);
  }
  return cell;
}

/// left, top: of the cell.
void draw_tile(const Tile& tile, const Cell& cell, int left, int top, Drawing& drawing) {
  const int x = left + (cell.width - tile.image.width) / 2;
  const int y = top + (cell.height - tile.image.height) / 2;
  const PlotBox place = {double(x), double(y), double(x + tile.image.width), double(y + tile.image.height)};
  drawing.shapes.emplace_back(DrawnImage{tile.image, place, tile.caption});
  if (tile.caption.empty()) return;
  drawing.shapes.emplace_back(DrawnText{.at = {left + cell.width / 2.0, top + cell.height + kCaptionPx / 2.0},
                                        .text = tile.caption,
                                        .anchor = TextAnchor::kMiddle,
                                        .room_px = cell.width});
}

}  // namespace

Drawing image_grid(std::span<const Tile> tiles, int columns) {
  if (tiles.empty() || columns < 0) throw std::invalid_argument("[image_grid] needs tiles, and columns not negative");
  const int count = static_cast<int>(tiles.size());
  if (columns == 0) columns = static_cast<int>(std::ceil(std::sqrt(count)));
  const int rows = (count + columns - 1) / columns;
  const Cell cell = largest(tiles);
  const int row_step = cell.height + kCaptionPx + kTileGapPx;
  const int column_step = cell.width + kTileGapPx;
  Drawing drawing{.width = columns * column_step + kTileGapPx,
                  .height = rows * row_step + kTileGapPx,
                  .title = count == 1 ? "one image" : fmt::format("{} images", count),
                  .shapes = {}};
  for (int i = 0; i < count; ++i) {
    draw_tile(tiles[static_cast<std::size_t>(i)], cell, kTileGapPx + i % columns * column_step,
              kTileGapPx + i / columns * row_step, drawing);
  }
  return drawing;
}

core::Image tile_grid(std::span<const Tile> tiles, int columns) { return drawing_image(image_grid(tiles, columns)); }

}  // namespace margay::chart
