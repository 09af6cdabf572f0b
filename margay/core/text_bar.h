#pragma once

#include <string>

namespace margay::core {

/// `fraction` of `width` as '#', rounded to whole marks: text_bar(0.5, 4) is "##". Below 0 and above 1 the fraction is
/// cut off; NaN has no bar. width: at least 0.
std::string text_bar(double fraction, int width);

}  // namespace margay::core
