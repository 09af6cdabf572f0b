#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/golden.h"

namespace margay::train {

/// The golden values of learning-rate sweeps. Python writes NaN where JSON has no word; here it is null.
inline nlohmann::json golden_sweeps() {
  std::ifstream file(testing_support::golden_path("lr_find.json"));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (std::size_t at = text.find("NaN"); at != std::string::npos; at = text.find("NaN", at))
    text.replace(at, 3, "null");
  return nlohmann::json::parse(text);
}

}  // namespace margay::train
