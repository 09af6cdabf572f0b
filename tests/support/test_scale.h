#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace margay::testing_support {

/// How often to do what a test could do for ever: `few` times, or `many` where MARGAY_TEST_SCALE=full stands in the
/// environment, as in the nightly tests. tests/e2e/support.sh has the same for scripts.
inline int scaled(int few, int many) {
  const char* const scale = std::getenv("MARGAY_TEST_SCALE");
  const std::string name = scale == nullptr ? "short" : scale;
  if (name == "short") return few;
  if (name == "full") return many;
  throw std::invalid_argument("MARGAY_TEST_SCALE must be short or full, got '" + name + "'");
}

}  // namespace margay::testing_support
