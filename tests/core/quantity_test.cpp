#include "margay/core/quantity.h"

#include <gtest/gtest.h>

namespace margay::core {
namespace {

TEST(SizeText, TakesTheUnitThatFits) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(1), "1 byte");
  EXPECT_EQ(size_text(999), "999 bytes");
  EXPECT_EQ(size_text(3'140), "3.1 kB");
  EXPECT_EQ(size_text(38'535'168), "39 MB");
  EXPECT_EQ(size_text(1'200'000'000), "1.2 GB");
}

TEST(SizeText, RoundsIntoTheNextUnit) {
  EXPECT_EQ(size_text(9'990), "10 kB");
  EXPECT_EQ(size_text(999'700), "1.0 MB");
  EXPECT_EQ(size_text(999'700'000), "1.0 GB");
}

TEST(DurationText, TakesTheUnitThatFits) {
  EXPECT_EQ(duration_text(0.42), "0.4 seconds");
  EXPECT_EQ(duration_text(12.3), "12 seconds");
  EXPECT_EQ(duration_text(59.7), "1.0 minutes");
  EXPECT_EQ(duration_text(144), "2.4 minutes");
  EXPECT_EQ(duration_text(3.5 * 3600), "3.5 hours");
}

}  // namespace
}  // namespace margay::core
