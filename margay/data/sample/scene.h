#pragma once

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/sample/shapes.h"

namespace margay::data::sample {

/// Paints one image of a kind. Size, colours, light, clutter, place, scale and rotation are drawn
/// without a look at the kind, and the object is scaled until it covers the share of the image
/// drawn for it: what remains to tell the kinds apart is form and pattern.
core::Image draw_scene(const Kind& kind, core::Random random);

}  // namespace margay::data::sample
