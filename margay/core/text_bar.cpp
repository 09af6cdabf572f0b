#include "margay/core/text_bar.h"

#include <algorithm>

namespace margay::core {

std::string text_bar(double fraction, int width) {
  if (!(fraction > 0)) return "";
  return std::string(static_cast<std::size_t>(std::min(fraction, 1.0) * width + 0.5), '#');
}

}  // namespace margay::core
