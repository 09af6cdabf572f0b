#pragma once

#include <span>
#include <string>

#include "margay/chart/drawing.h"

namespace margay::chart {

/// An image to look at, and what stands below it.
struct Tile {
  core::Image image;
  std::string caption;
};

/// Tiles in rows on white, each centred above its caption. All cells have the size of the largest tile; a caption that
/// is wider is written smaller, then cut in its middle. columns: 0 makes the grid as square as can be. Throws
/// std::invalid_argument without tiles or for negative columns.
Drawing image_grid(std::span<const Tile> tiles, int columns = 0);

/// image_grid as pixels, uint8 [H,W,3]: each tile stands in it pixel by pixel.
core::Image tile_grid(std::span<const Tile> tiles, int columns = 0);

}  // namespace margay::chart
