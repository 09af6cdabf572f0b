#include "margay/core/shown_path.h"

#include <gtest/gtest.h>

namespace margay::core {
namespace {

TEST(ShownPath, StandsOnOneLineAndCommandsNoTerminal) {
  EXPECT_EQ(shown_path("a\nb/c\x1b.jpg"), "a\\nb/c\\x1B.jpg");
  EXPECT_EQ(shown_path("Käfer/1.jpg"), "Käfer/1.jpg");
}

}  // namespace
}  // namespace margay::core
