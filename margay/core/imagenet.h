#pragma once

#include <array>

namespace margay::core {

/// Mean and standard deviation per channel (red, green, blue) over ImageNet's training images, of pixels / 255. Most
/// published weights were trained with them (torchvision's models).
inline constexpr std::array<double, 3> kImagenetMean{0.485, 0.456, 0.406};
inline constexpr std::array<double, 3> kImagenetStd{0.229, 0.224, 0.225};

}  // namespace margay::core
