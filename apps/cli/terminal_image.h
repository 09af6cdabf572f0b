#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/image.h"

namespace margay::cli {

/// How an image is shown in a terminal.
enum class ImageStyle {
  kAuto,       ///< the best that the terminal says it can
  kKitty,      ///< pixels, by kitty's graphics protocol (kitty, Ghostty, WezTerm, Konsole)
  kSixel,      ///< pixels, by DEC's sixels (xterm -ti vt340, foot, mlterm, Windows Terminal, VS Code)
  kBlocks,     ///< two pixels to a character, in 24-bit colours
  kBlocks256,  ///< the same, in the 256 colours that nearly all terminals have
  kShades,     ///< characters from dark to light, without colours
  kNone
};

constexpr auto names(ImageStyle /*tag*/) {
  using enum ImageStyle;
  return std::array{std::pair{kAuto, "auto"},     std::pair{kKitty, "kitty"},         std::pair{kSixel, "sixel"},
                    std::pair{kBlocks, "blocks"}, std::pair{kBlocks256, "blocks256"}, std::pair{kShades, "shades"},
                    std::pair{kNone, "none"}};
}

/// A rectangle of character cells.
struct CellArea {
  int columns = 80;
  int rows = 24;
  int cell_width_px = 10;   ///< of one cell; only sixels need it to be right
  int cell_height_px = 20;  ///< pixels
};

/// The lines that show the image as large as the area allows, its proportions kept, enlarged if it is small; fewer than
/// the area's rows where the image is wide. With kKitty and kSixel the first line draws the pixels and returns the
/// cursor to where it was; the lines below are empty. style: not kAuto. Throws std::invalid_argument for an image
/// without pixels or an area without cells.
std::vector<std::string> image_lines(const core::Image& image, const CellArea& area, ImageStyle style);

/// What removes all pixels drawn before: only kitty keeps them apart from the text.
std::string erasing_images(ImageStyle style);

namespace detail {

/// The image as sixels (DEC STD 070, VT330/VT340 programmer reference, chapter 14) in 216 colours, dithered by Floyd
/// and Steinberg's error diffusion (1976).
std::string sixels(const core::Image& image);

/// The index of the nearest of xterm's colours 16 … 255: a cube of 6x6x6 and 24 greys.
int xterm_colour(int red, int green, int blue);

}  // namespace detail

}  // namespace margay::cli
