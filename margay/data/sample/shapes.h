#pragma once

#include <span>
#include <string>

#include "margay/data/sample/canvas.h"

namespace margay::data::sample {

/// Draws one example of a kind about the origin, within about -1.3 … 1.3; proportions, counts and
/// small parts vary with `random`.
using Draw = void (*)(Canvas& canvas, const Palette& palette, core::Random& random);

void draw_balloon(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_butterfly(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_cup(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_fish(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_flower(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_gear(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_ladybird(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_leaf(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_shell(Canvas& canvas, const Palette& palette, core::Random& random);
void draw_star(Canvas& canvas, const Palette& palette, core::Random& random);

/// A kind of object: its class name, how it is drawn and how it is placed.
struct Kind {
  std::string name;
  Draw draw;
  double max_tilt;  ///< radians either way from upright; half a turn for things that lie any way round
};

/// All kinds, in the order of their names.
std::span<const Kind> kinds();

}  // namespace margay::data::sample
