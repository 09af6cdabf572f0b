#include "margay/model/backbone/positions.h"

#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::thrown_message;

/// float [1,1+grid,1].
torch::Tensor positions_of(float class_token, const std::vector<float>& grid) {
  std::vector<float> all{class_token};
  all.insert(all.end(), grid.begin(), grid.end());
  return torch::tensor(all).view({1, -1, 1});
}

// Expected: PyTorch 1.13's F.interpolate(grid, size=(n, n), mode="bicubic", antialias=True), as timm calls it.

TEST(ResamplePositions, ComputesTimmsSmallerGrid) {
  const torch::Tensor small = resample_positions(positions_of(7, {0, 1, 2, 3, 5, 8, 13, 21, 34}), 2);
  EXPECT_TRUE(torch::allclose(small, positions_of(7, {0.98447835F, 2.6462965F, 11.31545F, 22.028643F}))) << small;
}

TEST(ResamplePositions, ComputesTimmsLargerGrid) {
  const torch::Tensor large = resample_positions(positions_of(-4, {0, 1, 3, -2}), 3);
  EXPECT_TRUE(torch::allclose(large, positions_of(-4, {-0.2891267F, 0.5F, 1.2891271F, 1.6315788F, 0.5F, -0.6315791F,
                                                       3.5522852F, 0.5F, -2.5522861F})))
      << large;
}

TEST(ResamplePositions, KeepsFeaturesApartAndTheDtype) {
  const torch::Tensor positions = torch::rand({1, 10, 4}).to(torch::kBFloat16);
  const torch::Tensor resampled = resample_positions(positions, 5);
  EXPECT_EQ(resampled.sizes(), (std::vector<std::int64_t>{1, 26, 4}));
  EXPECT_EQ(resampled.scalar_type(), torch::kBFloat16);
  const torch::Tensor alone = resample_positions(positions.narrow(2, 2, 1), 5);
  EXPECT_TRUE(torch::equal(resampled.narrow(2, 2, 1), alone));
}

TEST(ResamplePositions, RefusesWhatIsNoSquareGrid) {
  EXPECT_FALSE(has_square_grid(torch::rand({1, 9, 4})));
  EXPECT_FALSE(has_square_grid(torch::rand({1, 1, 4})));
  EXPECT_FALSE(has_square_grid(torch::rand({10, 4})));
  EXPECT_EQ(thrown_message<std::invalid_argument>([] {
              resample_positions(torch::rand({1, 9, 4}), 2);
            }),
            "[resample_positions] positions must be float [1,1+g*g,D], got [1, 9, 4]");
}

}  // namespace
}  // namespace margay::model
