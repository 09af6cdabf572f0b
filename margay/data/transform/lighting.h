#pragma once

namespace margay::data {

/// The change of one image's colours, in the units of fastai's draws ("change"). With x a channel's value, 0 … 1,
/// clamped to 1e-7 … 1 - 1e-7 (in float32, where that is 1 - 2^-23), and L = logit(x):
///
///     brightness, contrast    L_c <- contrast * (L_c + logit(brightness))
///     saturation              L_c <- saturation * L_c + (1 - saturation) * (0.2989 L_r + 0.5870 L_g + 0.1140 L_b)
///     hue                     sigmoid(L) with its HSV hue turned by `hue` turns
///
/// Source: fastai 2.7, vision/augment.py (Brightness, Contrast, Saturation, Hue). Neutral by default.
struct Lighting {
  double brightness = 0.5;  ///< 0 … 1, both excluded; 0.5: unchanged
  double contrast = 1;      ///< above 0
  double saturation = 1;    ///< 0: grey
  double hue = 0;           ///< in turns; 1 is the whole circle

  bool operator==(const Lighting&) const = default;
  bool is_neutral() const { return *this == Lighting{}; }
};

/// The weights of red, green and blue in the grey that saturation mixes with.
inline constexpr double kGreyWeights[3] = {0.2989, 0.5870, 0.1140};

}  // namespace margay::data
