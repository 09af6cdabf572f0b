#include "margay/collective/group.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/support/group_of_two.h"

namespace margay::collective {
namespace {

TEST(OneProcess, IsTheWholeGroupAndChangesNothing) {
  const auto group = one_process();
  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->size(), 1);
  std::array<double, 2> values = {1.5, -2};
  group->sum(values);
  group->maximum(values);
  group->broadcast(std::as_writable_bytes(std::span(values)), 0);
  group->barrier();
  EXPECT_EQ(values, (std::array<double, 2>{1.5, -2}));
}

TEST(Decisions, AreThoseOfTheOneProcess) {
  const auto group = one_process();
  for (const bool mine : {false, true}) {
    EXPECT_EQ(any_of(*group, mine), mine);
    EXPECT_EQ(all_of(*group, mine), mine);
  }
  EXPECT_EQ(from_first(*group, 0.25), 0.25);
}

TEST(Decisions, AreTakenForAllProcesses) {
  testing_support::GroupOfTwo group;
  group.other_says = [](int) { return true; };
  EXPECT_TRUE(any_of(group, false));
  EXPECT_TRUE(any_of(group, true));
  group.other_says = [](int) { return false; };
  EXPECT_FALSE(any_of(group, false));
  EXPECT_TRUE(any_of(group, true));
}

}  // namespace
}  // namespace margay::collective
