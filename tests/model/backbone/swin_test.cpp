#include "margay/model/backbone/swin.h"

#include <memory>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/precision.h"

namespace margay::model {
namespace {

std::shared_ptr<Swin> tiny_swin() {
  const SwinShape shape{.width = 8, .blocks = {2, 2}, .heads = {1, 2}, .stochastic_depth = 0.3};
  return std::make_shared<Swin>(shape);
}

TEST(Swin, TakesImagesOfAnySize) {
  const auto swin = tiny_swin();
  EXPECT_EQ(swin->stride(), 8);
  for (const std::int64_t side : {32, 64, 88}) {
    const torch::Tensor features = swin->forward(torch::rand({1, 3, side, 64}));
    EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{1, 16, side / 8, 8}));
  }
}

TEST(Swin, KeepsTheLayoutOfChannels) {
  const auto swin = tiny_swin();
  const torch::Tensor images = torch::rand({2, 3, 64, 64}).contiguous(torch::MemoryFormat::ChannelsLast);
  for (const bool is_training : {true, false}) {
    swin->train(is_training);
    EXPECT_TRUE(swin->forward(images).is_contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

/// How much the attention to each pixel of a 14x14 image changes with that at (row, column): [14,14].
torch::Tensor change_by_pixel(std::int64_t row, std::int64_t column, ShiftedWindowAttention::Windows windows) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::rand({1, 14, 14, 4});
  torch::Tensor other = x.clone();
  other.select(1, row).select(1, column).fill_(2);
  ShiftedWindowAttention attention(4, 2, windows);
  return (attention.forward(x) - attention.forward(other)).abs().sum(-1).squeeze(0);
}

TEST(ShiftedWindowAttention, LooksAcrossTheBordersOfPlainWindows) {
  using Windows = ShiftedWindowAttention::Windows;
  const auto before_border = [](const torch::Tensor& change) { return change.narrow(0, 4, 3).narrow(1, 4, 3); };
  EXPECT_EQ(before_border(change_by_pixel(7, 7, Windows::kPlain)).max().item<double>(), 0);
  EXPECT_GT(before_border(change_by_pixel(7, 7, Windows::kShifted)).min().item<double>(), 0);
}

TEST(ShiftedWindowAttention, KeepsTheOtherEndOfTheImageApart) {
  const torch::Tensor change = change_by_pixel(12, 5, ShiftedWindowAttention::Windows::kShifted);
  EXPECT_GT(change.narrow(0, 10, 4).narrow(1, 3, 7).min().item<double>(), 0);
  EXPECT_LT(change.narrow(0, 0, 3).max().item<double>(), 1e-6);
}

TEST(Swin, DropsBranchesMoreOftenTheDeeperTheyAre) {
  std::vector<double> dropped;
  for (const auto& each : tiny_swin()->modules()) {
    if (const auto* depth = each->as<StochasticDepth>()) dropped.push_back(depth->p());
  }
  ASSERT_EQ(dropped.size(), 4U);
  for (std::size_t i = 0; i < dropped.size(); ++i) EXPECT_DOUBLE_EQ(dropped[i], 0.1 * static_cast<double>(i));
}

TEST(Swin, NeedsNoIndicesOfPositionsInAFile) {
  const auto swin = tiny_swin();
  const std::string name = "features.1.0.attn.relative_position_index";
  TensorMap published{{name, torch::zeros({49, 49}, torch::kLong)}};
  swin->adapt_published(published);
  EXPECT_EQ(published.size(), 4U);
  EXPECT_EQ(published[name].sizes(), (std::vector<std::int64_t>{49 * 49}));
  EXPECT_EQ(published[name][0].item<std::int64_t>(), 6 * 13 + 6);
  EXPECT_EQ(published[name][1].item<std::int64_t>(), 6 * 13 + 5);
  EXPECT_EQ(published[name][7].item<std::int64_t>(), 5 * 13 + 6);
}

TEST(Swin, ComputesTheSameWithGradientCheckpointing) {
  const auto swin = tiny_swin();
  const torch::Tensor images = torch::rand({2, 3, 64, 64});
  const auto gradients = [&](GradientCheckpointing checkpointing) {
    torch::manual_seed(4);  // for branches that are dropped
    swin->set_gradient_checkpointing(checkpointing);
    swin->zero_grad();
    swin->forward(images).square().sum().backward();
    std::vector<torch::Tensor> all;
    for (const torch::Tensor& each : swin->parameters()) all.push_back(each.grad().clone());
    return all;
  };
  const auto kept = gradients(GradientCheckpointing::kOff);
  const auto computed_again = gradients(GradientCheckpointing::kOn);
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(torch::equal(kept[i], computed_again[i])) << i;
}

TEST(Swin, ComesNearInBfloat16) {
  const torch::NoGradGuard no_grad;
  const auto swin = tiny_swin();
  swin->eval();
  const torch::Tensor images = torch::rand({2, 3, 64, 64});
  const torch::Tensor expected = swin->forward(images);
  const Autocast autocast(torch::kCPU, Precision::kBf16);
  const torch::Tensor features = swin->forward(images);
  EXPECT_EQ(features.scalar_type(), torch::kFloat);
  EXPECT_LT((features - expected).abs().max().item<double>(), 0.1);
}

}  // namespace
}  // namespace margay::model
