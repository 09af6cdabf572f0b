#include "margay/model/packed_convolution.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/cpu_threads.h"
#include "margay/model/fold_batch_norms.h"
#include "tests/support/test_scale.h"

namespace margay::model {
namespace {

constexpr std::int64_t kPackedPx =
    112;  // whole patches of 14 and 16 pixels; large enough for oneDNN in the first stages

/// LibTorch 1.13 computes all of these convolutions by oneDNN; later versions may know better ways for some.
constexpr bool kUsesOneDnnItself = TORCH_VERSION_MAJOR < 2;

torch::Tensor packed_test_images(std::int64_t count) {
  return torch::randn({count, kPackedPx, kPackedPx, 3}).permute({0, 3, 1, 2});
}

std::shared_ptr<Classifier> folded_network(const std::string& name) {
  torch::manual_seed(1);
  auto classifier = make_classifier({.architecture = name, .num_classes = 5, .image_px = kPackedPx});
  classifier->eval();
  fold_batch_norms(*classifier);
  classifier->eval();
  return classifier;
}

std::size_t count_packed(const Classifier& classifier) {
  std::size_t count = 0;
  for (const auto& each : classifier.modules()) count += each->as<PackedConv2dImpl>() != nullptr ? 1 : 0;
  return count;
}

/// A network of each family; in ./test those with other convolutions than ResNet-18's.
std::vector<std::string> packed_networks() {
  if (testing_support::scaled(0, 1) == 0) return {"resnet18", "mobilenet_v2", "convnext_tiny"};
  std::vector<std::string> names;
  for (const Architecture& each : architectures()) names.push_back(each.name);
  return names;
}

class PackedConvolution : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::globalContext().hasMKLDNN()) GTEST_SKIP() << "this LibTorch has no oneDNN";
    use_cpu_threads(2);  // with one, LibTorch leaves convolutions of one pixel to BLAS
  }
  void TearDown() override { use_cpu_threads(before_); }

 private:
  const int before_ = at::get_num_threads();
};

TEST_F(PackedConvolution, ChangesNoBitOfAnImage) {
  for (const std::string& name : packed_networks()) {
    const torch::NoGradGuard no_grad;
    const auto classifier = folded_network(name);
    const torch::Tensor images = packed_test_images(1);
    const torch::Tensor before = classifier->forward(images);
    const auto state = classifier->state();
    pack_convolutions(*classifier, kPackedPx);
    const torch::Tensor after = classifier->forward(images);
    EXPECT_TRUE(after.equal(before) || (!kUsesOneDnnItself && after.allclose(before, 1e-4, 1e-4))) << name;
    if (name == "resnet18") {
      EXPECT_EQ(count_packed(*classifier), 12U);  // all with 14 x 14 x 128 numbers or more to read
    }
    const auto packed_state = classifier->state();
    ASSERT_EQ(packed_state.size(), state.size()) << name;
    for (const auto& [key, tensor] : state)
      EXPECT_EQ(packed_state.at(key).data_ptr(), tensor.data_ptr()) << name << " " << key;
  }
}

TEST_F(PackedConvolution, ComputesEverythingButOneImageOfItsSizeAsBefore) {
  const auto classifier = folded_network("resnet18");
  const torch::Tensor two = packed_test_images(2);
  const torch::Tensor smaller = torch::randn({1, 3, 96, 96});
  const auto logits_of = [&](const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    return classifier->forward(images);
  };
  const torch::Tensor of_two = logits_of(two);
  const torch::Tensor of_smaller = logits_of(smaller);
  pack_convolutions(*classifier, kPackedPx);
  ASSERT_GT(count_packed(*classifier), 0U);
  EXPECT_TRUE(logits_of(two).equal(of_two));
  EXPECT_TRUE(logits_of(smaller).equal(of_smaller));
}

TEST_F(PackedConvolution, GivesGradientsToWhoeverWantsThem) {
  const auto classifier = folded_network("resnet18");
  pack_convolutions(*classifier, kPackedPx);
  const torch::Tensor image = packed_test_images(1).requires_grad_();
  classifier->forward(image).sum().backward();
  ASSERT_TRUE(image.grad().defined());
  EXPECT_GT(image.grad().abs().max().item<float>(), 0);
}

TEST_F(PackedConvolution, LeavesOtherTypesAndSizesThatTheNetworkDoesNotTakeAlone) {
  const auto halves = folded_network("resnet18");
  halves->to(torch::kBFloat16);
  pack_convolutions(*halves, kPackedPx);
  EXPECT_EQ(count_packed(*halves), 0U);
  const auto small = folded_network("resnet18");
  pack_convolutions(*small, 32);  // nothing is large enough
  EXPECT_EQ(count_packed(*small), 0U);
}

}  // namespace
}  // namespace margay::model
