#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/convnext.h"
#include "margay/model/backbone/convnext_v2.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::oracle;

TEST(ConvNexts, ComputeTorchvisionsLogitsAndGradients) {
  expect_torchvisions("convnext_tiny", oracle("convnext_tiny"));
}

// By tools/timm_oracle.py.
TEST(ConvNextV2s, ComputeTimmsLogitsAndGradients) { expect_torchvisions("convnextv2_atto", oracle("convnextv2_atto")); }

TEST(ConvNextV2s, KnowFacebooksNames) {
  const Naming naming = testing_support::naming_of(find_architecture("convnextv2_tiny"), "facebook");
  for (const auto& [theirs, ours] :
       {std::pair{"downsample_layers.0.1.bias", "stem.1.bias"},
        std::pair{"downsample_layers.3.0.weight", "stages.3.downsample.0.weight"},
        std::pair{"stages.2.8.dwconv.weight", "stages.2.blocks.8.conv_dw.weight"},
        std::pair{"stages.2.8.norm.bias", "stages.2.blocks.8.norm.bias"},
        std::pair{"stages.0.1.pwconv1.weight", "stages.0.blocks.1.mlp.fc1.weight"},
        std::pair{"stages.0.1.grn.gamma", "stages.0.blocks.1.mlp.grn.weight"},
        std::pair{"stages.0.1.grn.beta", "stages.0.blocks.1.mlp.grn.bias"},
        std::pair{"stages.0.1.pwconv2.bias", "stages.0.blocks.1.mlp.fc2.bias"},
        std::pair{"norm.weight", "head.norm.weight"}, std::pair{"head.bias", "head.fc.bias"}}) {
    EXPECT_EQ(testing_support::renamed(naming, theirs), ours);
  }
}

/// Woo et al. 2023, equations 1 to 3, for two channels of two places.
TEST(ConvNextV2s, NormaliseTheResponsesOfAllPlaces) {
  GlobalResponseNorm norm(2);
  const torch::NoGradGuard no_grad;
  norm->parameters()[0].fill_(2);                                                      // weight
  norm->parameters()[1].fill_(0.5);                                                    // bias
  const torch::Tensor x = torch::tensor({3.0F, 1.0F, 4.0F, 0.0F}).view({1, 1, 2, 2});  // lengths 5 and 1, mean 3
  const torch::Tensor expected =
      torch::tensor({2 * 3 * 5.0F / 3 + 0.5F + 3, 2 * 1.0F / 3 + 0.5F + 1, 2 * 4 * 5.0F / 3 + 0.5F + 4, 0.5F})
          .view({1, 1, 2, 2});
  EXPECT_TRUE(torch::allclose(norm(x), expected, 1e-5, 1e-5)) << norm(x);
  EXPECT_EQ(norm(x.to(torch::kBFloat16)).scalar_type(), torch::kBFloat16);
}

TEST(ConvNextV2s, NormaliseResponsesInPlaceAsInTraining) {
  torch::manual_seed(7);
  GlobalResponseNorm norm(40);
  {
    const torch::NoGradGuard no_grad;
    norm->parameters()[0].normal_();
    norm->parameters()[1].normal_();
  }
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    const torch::Tensor x = (3 * torch::randn({3, 7, 5, 40}) + 1).to(type);
    const torch::Tensor expected = norm(x).detach();
    const torch::NoGradGuard no_grad;
    torch::Tensor copy = x.clone();
    const void* memory = copy.data_ptr();
    const torch::Tensor found = norm(std::move(copy));
    EXPECT_EQ(found.data_ptr(), memory);
    const double rounding = type == torch::kFloat ? 1e-5 : 0.02;
    EXPECT_TRUE(torch::allclose(found.to(torch::kFloat), expected.to(torch::kFloat), rounding, rounding)) << type;
    torch::Tensor first = x.narrow(0, 0, 1).clone();
    EXPECT_TRUE(norm(std::move(first)).equal(found.narrow(0, 0, 1))) << "an image's responses are its own";
  }
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
