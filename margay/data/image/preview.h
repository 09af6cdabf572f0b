#pragma once

#include <span>
#include <string>

#include "margay/core/image.h"

namespace margay::data {

/// An image and its caption.
struct Tile {
  core::Image image;
  std::string caption;
};

/// Tiles in rows on white, each centred above its caption: uint8 [H,W,3]. All cells have the size of the largest tile.
/// columns: 0 makes the grid as square as can be. Throws std::invalid_argument without tiles or for negative columns.
core::Image tile_grid(std::span<const Tile> tiles, int columns = 0);

/// An image as text for a terminal of 24-bit colour, at most `columns` cells wide: each cell is '▀', its foreground
/// the upper pixel, its background the lower (ECMA-48, SGR 38;2 and 48;2). Larger images are shrunk, smaller ones
/// kept. Throws std::invalid_argument for an image without pixels or columns below 1.
std::string half_blocks(const core::Image& image, int columns);

}  // namespace margay::data
