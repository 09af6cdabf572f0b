#include "margay/run/random_order.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace margay::run {
namespace {

std::vector<std::string> names_in_order(const std::vector<std::string>& names, std::uint64_t seed) {
  std::vector<std::string> ordered;
  for (const std::size_t i : random_order(names, seed)) ordered.push_back(names[i]);
  return ordered;
}

TEST(RandomOrder, DependsOnNamesAndSeedAlone) {
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) names.push_back(std::to_string(i) + ".jpg");
  const std::vector<std::string> ordered = names_in_order(names, 42);
  EXPECT_NE(ordered, names);
  EXPECT_NE(ordered, names_in_order(names, 43));
  std::reverse(names.begin(), names.end());
  EXPECT_EQ(ordered, names_in_order(names, 42));
}

TEST(RandomOrder, StaysForTheOthersWhereANameIsGone) {
  std::vector<std::string> names = {"a", "b", "c", "d", "e", "f"};
  std::vector<std::string> ordered = names_in_order(names, 1);
  std::erase(names, "c");
  std::erase(ordered, "c");
  EXPECT_EQ(names_in_order(names, 1), ordered);
}

}  // namespace
}  // namespace margay::run
