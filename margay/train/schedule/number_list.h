#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace margay::train {

/// "1e-3" or "1e-5, .001": finite numbers between commas, blanks around them. Nothing for any other text.
std::optional<std::vector<double>> read_numbers(std::string_view text);

}  // namespace margay::train
