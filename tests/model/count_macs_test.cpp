#include "margay/model/count_macs.h"

#include <functional>

#include <gtest/gtest.h>
#include <torch/nn/functional.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>

namespace margay::model {
namespace {

namespace F = torch::nn::functional;

std::int64_t macs(const std::function<void()>& work) {
  MacCounter counter;
  std::int64_t count = 0;
  const auto add = [&](const WatchedOperator& op) {
    const std::int64_t all = counter.add(op);
    if (op.depth == 0) count += all;
  };
  watch_operators(*torch::nn::Sequential(), add, work);
  return count;
}

/// [2,8,5,5] of 3x3 windows over 4 channels.
TEST(CountMacs, CountsAConvolutionOnce) {
  EXPECT_EQ(macs([] {
              torch::conv2d(torch::zeros({2, 4, 5, 5}), torch::zeros({8, 4, 3, 3}), {}, 1, 1);
            }),
            2 * 8 * 5 * 5 * 4 * 9);
}

TEST(CountMacs, CountsGroupsAndStrides) {
  EXPECT_EQ(macs([] {
              torch::conv2d(torch::zeros({1, 4, 6, 6}), torch::zeros({4, 1, 3, 3}), {}, 2, 1, 1, 4);
            }),
            4 * 3 * 3 * 9);
}

TEST(CountMacs, CountsTransposedConvolutionsByTheirInput) {
  EXPECT_EQ(macs([] {
              torch::conv_transpose2d(torch::zeros({1, 4, 3, 3}), torch::zeros({4, 8, 2, 2}), {}, 2);
            }),
            4 * 3 * 3 * 8 * 4);
}

TEST(CountMacs, CountsLinearLayersOfAnyRank) {
  const torch::Tensor weight = torch::zeros({7, 5});
  const torch::Tensor bias = torch::zeros({7});
  EXPECT_EQ(macs([&] { F::linear(torch::zeros({3, 5}), weight, bias); }), 3 * 5 * 7);
  EXPECT_EQ(macs([&] { F::linear(torch::zeros({2, 3, 5}), weight, bias); }), 2 * 3 * 5 * 7);
  EXPECT_EQ(macs([&] { F::linear(torch::zeros({2, 3, 5}), weight); }), 2 * 3 * 5 * 7);
}

TEST(CountMacs, CountsProductsOfBatchesOfMatrices) {
  EXPECT_EQ(macs([] { torch::matmul(torch::zeros({2, 6, 3, 5}), torch::zeros({2, 6, 5, 4})); }), 2 * 6 * 3 * 5 * 4);
  EXPECT_EQ(macs([] {
              torch::einsum("nld,nsd->nls", {torch::zeros({2, 3, 5}), torch::zeros({2, 4, 5})});
            }),
            2 * 3 * 4 * 5);
}

TEST(CountMacs, CountsNothingElse) {
  EXPECT_EQ(macs([] { torch::softmax(torch::zeros({4, 5}).mul(2).add(1), 1).sum(); }), 0);
}

}  // namespace
}  // namespace margay::model
