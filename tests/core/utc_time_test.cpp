#include "margay/core/utc_time.h"

#include <chrono>

#include <gtest/gtest.h>

namespace margay::core {
namespace {

TEST(UtcText, GoesThereAndBack) {
  EXPECT_EQ(utc_text(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_seconds("1970-01-02T00:00:01Z"), 86401);
  EXPECT_EQ(utc_seconds(utc_text(1714566600)), 1714566600);
  for (const char* wrong : {"", "yesterday", "2024-05-01", "2024-05-01T12:30:00Z and more"}) {
    EXPECT_FALSE(utc_seconds(wrong)) << wrong;
  }
}

TEST(UtcText, HasMillisecondsWhereTheyCount) {
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds(1'714'566'600'007)};
  EXPECT_EQ(utc_text_ms(time), "2024-05-01T12:30:00.007Z");
}

}  // namespace
}  // namespace margay::core
