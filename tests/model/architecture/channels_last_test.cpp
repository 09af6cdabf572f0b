#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "tests/support/layout_watch.h"

namespace margay::model {
namespace {

using testing_support::LayoutWatch;

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;

/// A network and the copies of images that its paper needs.
struct Network {
  std::string name;
  std::size_t copies = 0;
};

/// Each family's typical ones.
std::vector<Network> networks() { return {{"resnet18"}, {"resnet50"}, {"resnet20"}}; }

constexpr std::int64_t kSidePx = 64;

std::vector<std::string> copies_of_forward(const Network& network, Precision precision, bool is_training) {
  const auto classifier = make_classifier(
      {.architecture = network.name, .num_classes = 3, .image_px = kSidePx, .head = {.kind = HeadKind::kLinear}});
  classifier->train(is_training);
  const torch::AutoGradMode with_graph(is_training);
  const torch::Tensor images = torch::randn({2, 3, kSidePx, kSidePx}).contiguous(kChannelsLast);
  const Autocast autocast(torch::kCPU, precision);
  const LayoutWatch watch;
  classifier->forward(images);
  return watch.copies();
}

TEST(ChannelsLast, GoesThroughWithoutHiddenCopies) {
  for (const Network& network : networks()) {
    for (const bool is_training : {true, false}) {
      for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
        const auto copies = copies_of_forward(network, precision, is_training);
        EXPECT_EQ(copies.size(), network.copies)
            << network.name << " training " << is_training << " bf16 " << (precision == Precision::kBf16) << "\n"
            << testing::PrintToString(copies);
      }
    }
  }
}

TEST(ChannelsLast, IsTheLayoutOfTheFeatures) {
  for (const Network& network : networks()) {
    const auto classifier = make_classifier({.architecture = network.name, .num_classes = 3, .image_px = kSidePx});
    const torch::Tensor images = torch::randn({2, 3, kSidePx, kSidePx}).contiguous(kChannelsLast);
    EXPECT_TRUE(classifier->extract(images).is_contiguous(kChannelsLast)) << network.name;
  }
}

/// So that an empty list means something.
TEST(ChannelsLast, IsMissedWhereItIsMissing) {
  const LayoutWatch watch;
  torch::randn({2, 3, 4, 4}).contiguous(kChannelsLast).contiguous();
  EXPECT_EQ(watch.copies().size(), 2U);
}

}  // namespace
}  // namespace margay::model
