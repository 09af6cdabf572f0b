#include "margay/model/precision.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/options.h"
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

}  // namespace
}  // namespace margay::model
