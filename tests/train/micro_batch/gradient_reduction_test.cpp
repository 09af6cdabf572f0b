#include "margay/train/micro_batch/gradient_reduction.h"

#include <cstddef>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/collective/process_group.h"
#include "margay/core/error.h"
#include "margay/train/micro_batch/gradient_sum.h"
#include "tests/support/joined_threads.h"

namespace margay::train {
namespace {

/// Numbers of very different sizes, so that the order of additions shows in the sum.
at::Tensor gradient_of(std::int64_t micro_batch, std::int64_t elements) {
  const at::Tensor numbers = torch::arange(elements, torch::kFloat) * 0.37F + static_cast<float>(micro_batch) * 1.7F;
  return (torch::sin(numbers) * torch::pow(10.0, torch::remainder(numbers, 7.0F))).to(torch::kFloat);
}

at::Tensor sum_in_tree(MicroRange node, std::int64_t elements) {
  if (node.size() == 1) return gradient_of(node.begin, elements);
  const std::int64_t second = SumTree::second_child(node);
  return sum_in_tree({node.begin, second}, elements) + sum_in_tree({second, node.end}, elements);
}

/// The parts that a process of these micro-batches hands to the reduction.
std::vector<at::Tensor> parts_of(const SumTree& tree, MicroRange own, std::int64_t elements) {
  GradientSum sum(tree, own, 1);
  for (std::int64_t m = own.begin; m < own.end; ++m) {
    EXPECT_FALSE(sum.has_all(0));
    sum.add(0, gradient_of(m, elements));
  }
  EXPECT_TRUE(sum.has_all(0));
  return sum.parts(0);
}

TEST(GradientSum, AddsInTheOrderOfTheTree) {
  for (const std::int64_t micro_batches : {1, 2, 3, 6, 7, 8}) {
    const SumTree tree(micro_batches);
    const std::vector<at::Tensor> parts = parts_of(tree, tree.root(), 50);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_TRUE(parts.front().equal(sum_in_tree(tree.root(), 50))) << micro_batches;
  }
}

TEST(GradientSum, KeepsWhatOthersAreNeededFor) {
  const SumTree tree(6);
  const std::vector<at::Tensor> parts = parts_of(tree, {3, 6}, 8);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_TRUE(parts[0].equal(gradient_of(3, 8)));
  EXPECT_TRUE(parts[1].equal(gradient_of(4, 8) + gradient_of(5, 8)));
}

class Reductions : public testing::Test {
 protected:
  void SetUp() override {
    if (!collective::has_backend(collective::Backend::kGloo)) GTEST_SKIP() << "this LibTorch has no Gloo";
  }

  /// The sums that each process ends with.
  std::vector<at::Tensor> sums(std::int64_t micro_batches, int world, std::int64_t elements, Reduce kind) {
    std::vector<at::Tensor> sums(static_cast<std::size_t>(world));
    testing_support::run_joined(world, [&](const std::shared_ptr<collective::Group>& group) {
      const SumTree tree(micro_batches);
      const auto rank = static_cast<std::size_t>(group->rank());
      const std::vector<at::Tensor> parts = parts_of(tree, micro_ranges(micro_batches, world)[rank], elements);
      BackgroundReduction reduction(tensor_reduction(group, tree, kind));
      reduction.start(parts);
      reduction.start(parts_of(tree, micro_ranges(micro_batches, world)[rank], 3));
      reduction.finish();
      sums[rank] = parts.front();
    });
    return sums;
  }
};

TEST_F(Reductions, GiveTheSameBitsForAnyNumberOfProcesses) {
  // Elements that processes share evenly, unevenly, and fewer than there are processes.
  for (const std::int64_t elements : {24, 23, 2}) {
    for (const auto& [micro_batches, world] : {std::pair{4, 2}, {4, 4}, {6, 2}, {6, 3}}) {
      const at::Tensor alone = sum_in_tree({0, micro_batches}, elements);
      for (const at::Tensor& sum : sums(micro_batches, world, elements, Reduce::kExact)) {
        EXPECT_TRUE(sum.equal(alone)) << elements << " elements, " << micro_batches << " / " << world;
      }
    }
  }
}

TEST_F(Reductions, AreTheSameInAllProcessesByTheRing) {
  const std::vector<at::Tensor> found = sums(6, 3, 23, Reduce::kFast);
  EXPECT_TRUE(found[0].equal(found[1]));
  EXPECT_TRUE(found[0].equal(found[2]));
  EXPECT_TRUE(found[0].allclose(sum_in_tree({0, 6}, 23), 1e-5, 1.0));
}

TEST(BackgroundReductions, ThrowWhereTheyAreAwaited) {
  class Failing : public TensorReduction {
   public:
    void reduce(const std::vector<at::Tensor>& /*parts*/) override { throw core::Error("lost"); }
  };
  BackgroundReduction reduction(std::make_unique<Failing>());
  reduction.start({torch::ones({1})});
  reduction.start({torch::ones({1})});
  EXPECT_THROW(reduction.finish(), core::Error);
  reduction.finish();
}

}  // namespace
}  // namespace margay::train
