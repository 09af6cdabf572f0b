#include "margay/train/micro_batch/sum_tree.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace margay::train {
namespace {

using Ranges = std::vector<MicroRange>;

TEST(SumTree, SplitsAtTheLargestPowerOfTwo) {
  EXPECT_EQ(SumTree::second_child({0, 2}), 1);
  EXPECT_EQ(SumTree::second_child({0, 6}), 4);
  EXPECT_EQ(SumTree::second_child({0, 8}), 4);
  EXPECT_EQ(SumTree::second_child({4, 7}), 6);
}

TEST(SumTree, KnowsItsNodes) {
  const SumTree tree(6);  // ((0 1)(2 3))(4 5)
  for (const MicroRange& node : Ranges{{0, 6}, {0, 4}, {4, 6}, {0, 2}, {2, 4}, {3, 4}, {5, 6}}) {
    EXPECT_TRUE(tree.is_node(node)) << node.begin << ' ' << node.end;
  }
  for (const MicroRange& other : Ranges{{0, 3}, {1, 3}, {2, 6}, {3, 6}, {0, 5}}) {
    EXPECT_FALSE(tree.is_node(other)) << other.begin << ' ' << other.end;
  }
}

TEST(SumTree, GivesTheLargestNodesOfAProcess) {
  EXPECT_EQ(SumTree(8).nodes_within({4, 8}), (Ranges{{4, 8}}));
  EXPECT_EQ(SumTree(6).nodes_within({0, 3}), (Ranges{{0, 2}, {2, 3}}));
  EXPECT_EQ(SumTree(6).nodes_within({3, 6}), (Ranges{{3, 4}, {4, 6}}));
  EXPECT_EQ(SumTree(1).nodes_within({0, 1}), (Ranges{{0, 1}}));
}

TEST(SumTree, SharesMicroBatchesOut) {
  EXPECT_EQ(micro_ranges(6, 3), (Ranges{{0, 2}, {2, 4}, {4, 6}}));
  EXPECT_THROW(micro_ranges(6, 4), std::invalid_argument);
  EXPECT_THROW(SumTree(0), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
