#include "margay/model/weight_storage.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/classifier.h"

namespace margay::model {
namespace {

torch::Tensor logits_of(Classifier& classifier) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  const Autocast autocast(torch::kCPU, Precision::kBf16);
  return classifier.forward(images);
}

TEST(StoreWeightsIn, ChangesNoBitOfWhatAutocastComputes) {
  const auto classifier = make_classifier({.architecture = "resnet20", .num_classes = 5});
  classifier->eval();
  const torch::Tensor before = logits_of(*classifier);
  store_weights_in(*classifier, Precision::kBf16);
  EXPECT_TRUE(logits_of(*classifier).equal(before));
  const TensorMap state = classifier->state();
  EXPECT_EQ(state.at("backbone.conv1.weight").scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(state.at("backbone.conv1.weight").is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(state.at("head.8.weight").scalar_type(), torch::kBFloat16);
  EXPECT_EQ(state.at("backbone.bn1.weight").scalar_type(), torch::kFloat);
}

TEST(StoreWeightsIn, LeavesFloat32Alone) {
  const auto classifier = make_classifier({.architecture = "resnet20", .num_classes = 5});
  store_weights_in(*classifier, Precision::kFp32);
  for (const auto& [name, tensor] : classifier->state()) EXPECT_NE(tensor.scalar_type(), torch::kBFloat16) << name;
}

}  // namespace
}  // namespace margay::model
