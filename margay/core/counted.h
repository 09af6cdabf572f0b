#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace margay::core {

/// "1 image", "2 images", "0 images". many: where it is not `one` and an s.
template <std::integral Count>
std::string counted(Count count, std::string_view one, std::string_view many = "") {
  std::string text = std::to_string(count) + " ";
  if (count != 1 && !many.empty()) return text.append(many);
  return text.append(one).append(count == 1 ? "" : "s");
}

}  // namespace margay::core
