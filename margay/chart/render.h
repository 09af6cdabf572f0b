#pragma once

#include <string>
#include <vector>

#include "margay/chart/drawing.h"

namespace margay::chart {

/// The drawing as pixels on white, uint8 [height,width,3], for data::write_png or encode_png. Pango sets the text with
/// the fonts of the machine, in any script and direction. A letter that no font has becomes a box with its number (see
/// font_warning). Bytes that are not UTF-8 become U+FFFD. Throws std::invalid_argument for a drawing without pixels.
core::Image drawing_image(const Drawing& drawing);

/// The drawing as an SVG document, which can be embedded unchanged in an HTML page. It has no scripts and no fonts and
/// loads nothing, and is light or dark as the reader's system is. All text is escaped, with U+FFFD for bytes that are
/// not UTF-8, and shown with the reader's fonts. A shape shows its name when the mouse points at it.
std::string drawing_svg(const Drawing& drawing);

/// A sentence that names the letters of a drawing that no font of this machine has, and the packages with fonts for
/// them; empty if no letter is missing. It concerns only drawing_image.
std::string font_warning(const Drawing& drawing);

}  // namespace margay::chart
