#pragma once

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/sample/shapes.h"

namespace margay::data::sample {

/// Paints one image of a kind. Size, colours, light, clutter, position, scale and rotation do not depend on the kind,
/// and the object is scaled until it covers the drawn share of the image. Only shape and pattern distinguish the kinds.
core::Image draw_scene(const Kind& kind, core::Random random);

}  // namespace margay::data::sample
