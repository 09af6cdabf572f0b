#pragma once

#include <string>
#include <vector>

#include "margay/chart/drawing.h"

namespace margay::chart {

/// The drawing as pixels on white, uint8 [height,width,3], for data::write_png or encode_png. Text is set by Pango with
/// the fonts of the machine, in any script and direction; a letter that no font has is a box with its number
/// (font_warning tells). Bytes that are no UTF-8 become U+FFFD. Throws std::invalid_argument for a drawing without
/// pixels.
core::Image drawing_image(const Drawing& drawing);

/// The drawing as an SVG document that also stands inside an HTML page as it is: no script, no font, nothing from
/// elsewhere; light or dark as the reader's system is; every word escaped, and U+FFFD for bytes that are no UTF-8. The
/// mouse on a shape is told its name. Its text stays text, set with the fonts of whoever reads it.
std::string drawing_svg(const Drawing& drawing);

/// What to do when this machine's fonts lack letters of a drawing: a sentence that names the letters and the packages
/// with fonts, empty when nothing is missing. Concerns drawing_image alone.
std::string font_warning(const Drawing& drawing);

}  // namespace margay::chart
