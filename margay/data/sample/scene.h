#pragma once

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/sample/shapes.h"

namespace margay::data::sample {

/// An image and where its object is.
struct Scene {
  core::Image image;
  core::Image mask;  ///< of the same size: white where the object was drawn, even where clutter covers it; else black
};

/// Paints one image of a kind. Size, colours, light, clutter, position, scale and rotation do not depend on the kind,
/// and the object is scaled until it covers the drawn share of the image. Only shape and pattern distinguish the kinds.
Scene draw_scene(const Kind& kind, core::Random random);

}  // namespace margay::data::sample
