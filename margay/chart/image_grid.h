#pragma once

#include <span>
#include <string>

#include "margay/chart/drawing.h"

namespace margay::chart {

/// An image and its caption.
struct Tile {
  core::Image image;
  std::string caption;
};

/// Tiles in rows on white, each centred above its caption. All cells have the size of the largest tile; a wider caption
/// is written smaller, then shortened in its middle. columns: 0 makes the grid as square as possible. Throws
/// std::invalid_argument if there are no tiles, and for negative columns.
Drawing image_grid(std::span<const Tile> tiles, int columns = 0);

/// image_grid as pixels, uint8 [H,W,3]; tiles are not scaled.
core::Image tile_grid(std::span<const Tile> tiles, int columns = 0);

}  // namespace margay::chart
