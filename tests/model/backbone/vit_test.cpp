#include <cmath>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/backbone/vit.h"
#include "margay/model/precision.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::thrown_message;
using Start = ViTShape::Start;

constexpr ViTShape kTiny{.patch_px = 4, .width = 16, .depth = 2, .heads = 2};

std::shared_ptr<ViT> tiny_vit(std::optional<double> new_scale = {}) {
  ViTShape shape = kTiny;
  shape.new_scale = new_scale;
  return std::make_shared<ViT>(shape, BackboneOptions{.image_px = 16});
}

TEST(ViT, FindsOneVectorForAnImage) {
  const auto vit = tiny_vit();
  EXPECT_EQ(vit->layout(), FeatureLayout::kPooled);
  EXPECT_EQ(vit->stride(), 16);
  EXPECT_EQ(vit->forward(torch::rand({3, 3, 16, 16})).sizes(), (std::vector<std::int64_t>{3, 16, 1, 1}));
  EXPECT_EQ(vit->make_published_head(5)->forward(torch::rand({3, 16, 1, 1})).sizes(),
            (std::vector<std::int64_t>{3, 5}));
}

TEST(ViT, BearsTimmsNames) {
  ViTShape shape = kTiny;
  shape.depth = 1;
  shape.new_scale = 1e-5;
  std::vector<std::string> names;
  for (const auto& each : ViT(shape, {.image_px = 8}).named_parameters()) names.push_back(each.key());
  const std::vector<std::string> expected{"cls_token",
                                          "pos_embed",
                                          "patch_embed.proj.weight",
                                          "patch_embed.proj.bias",
                                          "blocks.0.norm1.weight",
                                          "blocks.0.norm1.bias",
                                          "blocks.0.attn.qkv.weight",
                                          "blocks.0.attn.qkv.bias",
                                          "blocks.0.attn.proj.weight",
                                          "blocks.0.attn.proj.bias",
                                          "blocks.0.ls1.gamma",
                                          "blocks.0.norm2.weight",
                                          "blocks.0.norm2.bias",
                                          "blocks.0.mlp.fc1.weight",
                                          "blocks.0.mlp.fc1.bias",
                                          "blocks.0.mlp.fc2.weight",
                                          "blocks.0.mlp.fc2.bias",
                                          "blocks.0.ls2.gamma",
                                          "norm.weight",
                                          "norm.bias"};
  EXPECT_EQ(names, expected);
}

TEST(ViT, MultipliesBranchesByTheLayerScale) {
  const auto plain = tiny_vit();
  const auto scaled = tiny_vit(0.5);
  const torch::NoGradGuard no_grad;
  auto values = plain->named_parameters();
  for (auto& each : scaled->named_parameters()) {
    if (values.contains(each.key())) each.value().copy_(values[each.key()]);
  }
  // Half a branch is what half of its last layer gives.
  for (auto& each : values) {
    const bool is_last =
        each.key().find("attn.proj") != std::string::npos || each.key().find("fc2") != std::string::npos;
    if (is_last) each.value().mul_(0.5);
  }
  const torch::Tensor images = torch::rand({2, 3, 16, 16});
  EXPECT_TRUE(torch::allclose(plain->forward(images), scaled->forward(images), 1e-4, 1e-5));
}

TEST(ViT, RefusesImagesOfAnotherSize) {
  const auto vit = tiny_vit();
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] {
              vit->forward(torch::rand({1, 3, 16, 20}));
            }),
            "[Backbone] images must be 16x16 pixels, got 16x20; image_px makes the network for others");
}

TEST(ViT, RefusesASizeThatPatchesDoNotFill) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { ViT(kTiny, {.image_px = 18}); }),
            "[ViT] the side of images must be a multiple of the patch's 4 pixels, got 18; take 16");
}

TEST(ViT, ResamplesPublishedPositionsOfAnotherSize) {
  const auto vit = tiny_vit();
  TensorMap published{{"pos_embed", torch::rand({1, 1 + 9, 16})}, {"norm.weight", torch::ones({16})}};
  const TensorMap before = published;
  vit->adapt_published(published);
  EXPECT_EQ(published["pos_embed"].sizes(), (std::vector<std::int64_t>{1, 1 + 16, 16}));
  EXPECT_TRUE(torch::equal(published["pos_embed"].select(1, 0), before.at("pos_embed").select(1, 0)));
  EXPECT_TRUE(published["norm.weight"].is_same(before.at("norm.weight")));
}

TEST(ViT, LeavesPublishedPositionsThatFitOrCannotBeResampled) {
  const auto vit = tiny_vit();
  for (const std::int64_t count : {17, 9}) {
    TensorMap published{{"pos_embed", torch::rand({1, count, 16})}};
    const torch::Tensor before = published["pos_embed"];
    vit->adapt_published(published);
    EXPECT_TRUE(published["pos_embed"].is_same(before));
  }
  TensorMap wide{{"pos_embed", torch::rand({1, 10, 1000})}};  // another network's
  vit->adapt_published(wide);
  EXPECT_EQ(wide["pos_embed"].size(1), 10);
}

TEST(ViT, StartsAsTimms) {
  torch::manual_seed(3);
  const ViT vit({.patch_px = 16, .width = 128, .depth = 1, .heads = 2, .new_scale = 1e-5}, {.image_px = 128});
  const auto parameters = vit.named_parameters();
  for (const char* name : {"pos_embed", "blocks.0.attn.qkv.weight", "blocks.0.mlp.fc2.weight"}) {
    EXPECT_NEAR(parameters[name].std().item<double>(), 0.02, 1e-3) << name;
  }
  EXPECT_LT(parameters["cls_token"].abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(torch::equal(parameters["blocks.0.mlp.fc1.bias"], torch::zeros({512})));
  EXPECT_TRUE(torch::equal(parameters["blocks.0.ls1.gamma"], torch::full({128}, 1e-5)));
  EXPECT_NEAR(vit.make_published_head(100)->named_parameters()["head.weight"].std().item<double>(), 0.02, 1e-3);
}

TEST(ViT, StartsAsTorchvisions) {
  torch::manual_seed(3);
  const ViT vit({.width = 128, .depth = 1, .heads = 2, .start = Start::kTorchvision}, {.image_px = 32});
  const auto parameters = vit.named_parameters();
  const auto spread = [&](const char* name) { return parameters[name].std().item<double>(); };
  EXPECT_NEAR(spread("patch_embed.proj.weight"), std::sqrt(1.0 / 768), 1e-3);
  EXPECT_NEAR(spread("blocks.0.attn.qkv.weight"), std::sqrt(2.0 / (128 + 384)), 2e-3);
  EXPECT_NEAR(spread("blocks.0.mlp.fc1.weight"), std::sqrt(2.0 / (128 + 512)), 2e-3);
  EXPECT_NEAR(spread("blocks.0.mlp.fc1.bias"), 1e-6, 2e-7);
  EXPECT_TRUE(torch::equal(parameters["blocks.0.attn.qkv.bias"], torch::zeros({384})));
  EXPECT_TRUE(torch::equal(vit.make_published_head(5)->named_parameters()["head.weight"], torch::zeros({5, 128})));
}

TEST(ViT, ComputesTheSameWithGradientCheckpointing) {
  const auto vit = tiny_vit();
  const torch::Tensor images = torch::rand({2, 3, 16, 16});
  const auto gradients = [&](GradientCheckpointing checkpointing) {
    vit->set_gradient_checkpointing(checkpointing);
    vit->zero_grad();
    vit->forward(images).square().sum().backward();
    std::vector<torch::Tensor> all;
    for (const torch::Tensor& each : vit->parameters()) all.push_back(each.grad().clone());
    return all;
  };
  const auto kept = gradients(GradientCheckpointing::kOff);
  const auto computed_again = gradients(GradientCheckpointing::kOn);
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(torch::equal(kept[i], computed_again[i])) << i;
}

TEST(ViT, ComesNearInBfloat16) {
  const torch::NoGradGuard no_grad;
  const auto vit = tiny_vit(0.1);
  const torch::Tensor images = torch::rand({2, 3, 16, 16});
  const torch::Tensor expected = vit->forward(images);
  const Autocast autocast(torch::kCPU, Precision::kBf16);
  const torch::Tensor features = vit->forward(images);
  EXPECT_EQ(features.scalar_type(), torch::kFloat);
  EXPECT_LT((features - expected).abs().max().item<double>(), 0.05);
}

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
