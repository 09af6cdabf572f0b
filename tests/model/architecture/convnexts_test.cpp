#include <gtest/gtest.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/convnext.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::oracle;

TEST(ConvNexts, ComputeTorchvisionsLogitsAndGradients) {
  expect_torchvisions("convnext_tiny", oracle("convnext_tiny"));
}

TEST(ConvNexts, DropLaterBlocksMoreOften) {
  const auto backbone = find_architecture("convnext_tiny").build({});
  std::vector<double> drops;
  for (const auto& each : backbone->modules()) {
    if (const auto* depth = each->as<StochasticDepth>()) drops.push_back(depth->p());
  }
  ASSERT_EQ(drops.size(), 18U);
  for (std::size_t i = 0; i < drops.size(); ++i) EXPECT_NEAR(drops[i], 0.1 * static_cast<double>(i) / 17, 1e-12);
}

TEST(ConvNexts, StartAsTorchvisions) {
  torch::manual_seed(5);
  const auto backbone = find_architecture("convnext_tiny").build({});
  const auto parameters = backbone->named_parameters();
  EXPECT_NEAR(parameters["features.7.0.block.3.weight"].std().item<double>(), 0.02, 1e-4);
  EXPECT_NEAR(parameters["features.0.0.weight"].std().item<double>(), 0.02, 1e-3);
  EXPECT_EQ(parameters["features.0.0.bias"].abs().max().item<double>(), 0);
  EXPECT_TRUE(torch::equal(parameters["features.1.0.layer_scale"], torch::full({96, 1, 1}, 1e-6)));
}

TEST(ConvNexts, CutImagesToWholePatches) {
  const torch::NoGradGuard no_grad;
  const auto backbone = find_architecture("convnext_tiny").build({});
  EXPECT_EQ(backbone->forward(torch::randn({1, 3, 67, 64})).sizes(), (std::vector<std::int64_t>{1, 768, 2, 2}));
}

TEST(ConvNexts, NormaliseTheChannelsOfEveryPixelWithoutACopy) {
  ChannelNorm norm(4, 0.0);
  const torch::Tensor x = torch::randn({2, 4, 3, 3}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor y = norm(x);
  EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(torch::allclose(y.mean(1), torch::zeros({2, 3, 3}), 0, 1e-5));
  EXPECT_TRUE(torch::allclose(y.var(1, /*unbiased=*/false), torch::ones({2, 3, 3}), 0, 1e-4));
}

}  // namespace
}  // namespace margay::model
