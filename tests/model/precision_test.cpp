#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/options.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/model/torch_compat.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::thrown_message;

const torch::Device kCpu(torch::kCPU);

torch::Dtype product_dtype() { return torch::mm(torch::ones({2, 2}), torch::ones({2, 2})).scalar_type(); }

TEST(Precision, HasNamesForOptions) {
  EXPECT_EQ(core::to_text(Precision::kBf16), "bf16");
  EXPECT_EQ(core::from_text<Precision>("fp32"), Precision::kFp32);
  EXPECT_THROW(core::from_text<Precision>("bf61"), std::invalid_argument);
}

TEST(ResolvePrecision, FollowsTheProcessorOnAuto) {
  const Precision expected = cpu_has_bf16() ? Precision::kBf16 : Precision::kFp32;
  EXPECT_EQ(resolve_precision(Precision::kAuto, kCpu), expected);
}

TEST(ResolvePrecision, KeepsWhatTheCpuCanDo) {
  EXPECT_EQ(resolve_precision(Precision::kFp32, kCpu), Precision::kFp32);
  EXPECT_EQ(resolve_precision(Precision::kBf16, kCpu), Precision::kBf16);
}

TEST(ResolvePrecision, RefusesFp16OnTheCpu) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { resolve_precision(Precision::kFp16, kCpu); }),
            "[resolve_precision] fp16 on cpu: CPUs train in fp32 or bf16 only");
}

TEST(ResolvePrecision, RefusesADeviceThatIsNotThere) {
  const torch::Device absent(torch::kCUDA, 99);
  EXPECT_THROW(resolve_precision(Precision::kAuto, absent), std::invalid_argument);
}

TEST(Autocast, LowersProductsWhileItLives) {
  EXPECT_EQ(product_dtype(), torch::kFloat);
  {
    const Autocast autocast(kCpu, Precision::kBf16);
    EXPECT_EQ(product_dtype(), torch::kBFloat16);
    {
      const Autocast inner(kCpu, Precision::kFp32);
      EXPECT_EQ(product_dtype(), torch::kFloat);
    }
    EXPECT_EQ(product_dtype(), torch::kBFloat16);
  }
  EXPECT_EQ(product_dtype(), torch::kFloat);
}

TEST(Autocast, RestoresWhenAnExceptionPasses) {
  bool was_on = false;
  try {
    const Autocast autocast(kCpu, Precision::kBf16);
    was_on = compat::autocast_enabled(torch::kCPU);
    throw std::runtime_error("stop");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(was_on);
  EXPECT_FALSE(compat::autocast_enabled(torch::kCPU));
}

TEST(Autocast, SeesWeightsThatChangedBetweenTwoUses) {
  torch::Tensor weight = torch::ones({2, 2}).requires_grad_();
  const auto product = [&] {
    const Autocast autocast(kCpu, Precision::kBf16);
    return torch::mm(torch::ones({1, 2}), weight).sum().item<double>();
  };
  EXPECT_EQ(product(), 4);
  {
    const torch::NoGradGuard no_grad;
    weight.mul_(2);
  }
  EXPECT_EQ(product(), 8);
}

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
