#include "margay/interpret/binned_error.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace margay::interpret {
namespace {

TEST(EqualWidthBins, AreClosedOnTheRight) {
  const torch::Tensor p = torch::tensor({0.0, 0.25, 0.2500001, 0.5, 1.0}, torch::kDouble);
  EXPECT_TRUE(equal_width_bins(p, 4).equal(torch::tensor({0, 0, 1, 1, 3})));
}

TEST(EqualMassBins, HoldEquallyManyAndKeepEqualValuesTogether) {
  const torch::Tensor values = torch::tensor({0.9, 0.1, 0.5, 0.7, 0.3, 0.8}, torch::kDouble);
  EXPECT_TRUE(equal_mass_bins(values, 3).equal(torch::tensor({2, 0, 1, 1, 0, 2})));
  EXPECT_TRUE(equal_mass_bins(torch::ones({6}, torch::kDouble), 3).equal(torch::zeros({6}, torch::kLong)));
  EXPECT_EQ(equal_mass_bins(torch::rand({5}, torch::kDouble), 100).max().item<std::int64_t>(), 80);
}

/// The replicate that draws each image once is the set itself, and one that draws an image twice is a set with two.
TEST(BinnedError, OfAReplicateIsThatOfTheDrawnImages) {
  const torch::Tensor p = torch::rand({50, 3}, at::detail::createCPUGenerator(3), torch::kDouble);
  const torch::Tensor hits = (torch::rand({50, 3}, at::detail::createCPUGenerator(4)) < 0.4).to(torch::kDouble);
  const torch::Tensor bins = equal_width_bins(p, 5);
  const torch::Tensor counts =
      torch::stack({torch::ones({50}), (torch::arange(50) % 3).to(torch::kFloat)}, 1).to(torch::kFloat);
  for (const std::int64_t classes : {1, 3}) {
    BinnedError weighted(5, classes, 2, 1);
    weighted.add(p.slice(0, 0, 20), hits.slice(0, 0, 20), bins.slice(0, 0, 20), counts.slice(0, 0, 20));
    weighted.add(p.slice(0, 20), hits.slice(0, 20), bins.slice(0, 20), counts.slice(0, 20));
    const torch::Tensor drawn = torch::arange(50).repeat_interleave((torch::arange(50) % 3));
    BinnedError repeated(5, classes, 1, 1);
    repeated.add(p.index_select(0, drawn), hits.index_select(0, drawn), bins.index_select(0, drawn),
                 torch::ones({drawn.size(0), 1}));
    EXPECT_NEAR(weighted.replicated()[0], weighted.error(), 1e-6);
    EXPECT_NEAR(weighted.replicated()[1], repeated.error(), 1e-6);
  }
}

TEST(BinnedError, OfSimulatedHitsComparesThemWithTheProbabilities) {
  BinnedError binned(2, 1, 1, 2);
  const torch::Tensor p = torch::tensor({{0.2}, {0.9}}, torch::kDouble);
  binned.add(p, torch::ones({2, 1}, torch::kDouble), equal_width_bins(p, 2), torch::ones({2, 1}));
  binned.add_simulated_hit(1, 1, 0);
  EXPECT_DOUBLE_EQ(binned.error(), (0.8 + 0.1) / 2);
  EXPECT_DOUBLE_EQ(binned.simulated()[0], (0.2 + 0.9) / 2);
  EXPECT_DOUBLE_EQ(binned.simulated()[1], (0.2 + 0.1) / 2);
}

}  // namespace
}  // namespace margay::interpret
