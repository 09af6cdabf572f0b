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

/// The direction and strength of the light, drawn once for an image.
struct Light {
  Point from;           ///< unit vector in the image's plane, towards the lamp
  double relief = 0;    ///< how strongly rounded edges catch it, 0-1
  double shadow = 0;    ///< how much a shadow takes away, 0-1
  double fall_off = 0;  ///< how much darker the far side of the image is, 0-1
  Colour tint;          ///< the lamp's colour, as a factor for each channel
  double grain = 0;     ///< noise of the camera, standard deviation in grey levels
};

Light draw_light(core::Random& random);

/// Makes a flat drawing look rounded: edges facing the lamp get brighter, others darker.
void model_relief(Layer& layer, const Light& light);

/// Darkens the image where the layer, floating a little above it, casts its shadow.
void cast_shadow(cv::Mat& image, const cv::Mat& alpha, const Light& light);

/// Lamp and camera: fall-off across the image, tint, grain.
void expose(cv::Mat& image, const Light& light, core::Random& random);

}  // namespace margay::data::sample
