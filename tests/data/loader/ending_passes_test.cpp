#include "margay/data/loader/ending_passes.h"

#include <gtest/gtest.h>

namespace margay::data {
namespace {

TEST(EndingPasses, DestroysOnlyWhatIsOver) {
  EndingPasses ending;
  const auto first = std::make_shared<int>(1);
  const auto second = std::make_shared<int>(2);
  bool is_first_over = false;
  ending.add(first, [&] { return is_first_over; });
  ending.add(second, [] { return true; });
  ending.sweep();
  EXPECT_EQ(ending.size(), 1U);
  EXPECT_EQ(first.use_count(), 2);
  EXPECT_EQ(second.use_count(), 1);
  is_first_over = true;
  ending.sweep();
  EXPECT_EQ(ending.size(), 0U);
  EXPECT_EQ(first.use_count(), 1);
}

TEST(EndingPasses, DestroysTheRestAtItsOwnEnd) {
  const auto left = std::make_shared<int>(1);
  {
    EndingPasses ending;
    ending.add(left, [] { return false; });
    EXPECT_EQ(left.use_count(), 2);
  }
  EXPECT_EQ(left.use_count(), 1);
}

}  // namespace
}  // namespace margay::data
