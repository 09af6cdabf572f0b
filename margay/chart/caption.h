#pragma once

#include <string>

#include "margay/core/image.h"

namespace margay::chart {

/// A rectangle in an image, in pixels.
struct CaptionBox {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
};

/// Writes one line of black text, centred, into a box of the image; shrinks what is too long. Characters
/// outside ASCII are shown as '?'.
void draw_caption(core::Image& image, const std::string& text, const CaptionBox& box);

}  // namespace margay::chart
