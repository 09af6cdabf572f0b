#include "margay/bundle/golden_images.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/bundle/bundle.h"
#include "margay/core/checksum.h"
#include "margay/model/cpu_threads.h"
#include "tests/support/temporary_folder.h"

namespace margay::bundle {
namespace {

Bundle golden_bundle() {
  torch::manual_seed(3);
  Bundle bundle;
  bundle.classifier = model::make_classifier({.architecture = "resnet20", .num_classes = 3});
  bundle.vocabulary = data::Vocabulary({"a", "b", "c"});
  bundle.transforms.resize = {.size = 24};
  bundle.transforms.augment = {.size = 16};
  return bundle;
}

TEST(GoldenImages, AreTheSameBytesForASeedEverywhere) {
  const std::vector<data::ImageSource> images = GoldenImages{.seed = 1}.images();
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(core::checksum(*images[0].bytes()), 3658914126585828032ULL);
  EXPECT_EQ(core::checksum(*images[1].bytes()), 14880613040864612587ULL);
  EXPECT_NE(core::checksum(*GoldenImages{.seed = 2}.images()[0].bytes()), core::checksum(*images[0].bytes()));
}

TEST(GoldenImages, ComeWithTheBundleAndAreItsNetworksLogits) {
  const testing_support::TemporaryFolder folder;
  save_bundle(folder / "m.margay", golden_bundle());
  const Bundle loaded = load_bundle(folder / "m.margay");
  ASSERT_TRUE(loaded.golden);
  ASSERT_EQ(loaded.golden->logits.size(), 2U);
  const torch::NoGradGuard no_grad;
  const torch::Tensor inputs = golden_inputs(*loaded.golden, data::ImagePipeline(loaded.transforms));
  EXPECT_EQ(inputs.sizes(), at::IntArrayRef({2, 3, 16, 16}));
  const torch::Tensor logits = loaded.classifier->forward(inputs);
  EXPECT_LT(golden_difference(*loaded.golden, logits), 1e-5);
  EXPECT_GT(golden_difference(*loaded.golden, logits.flip(0)), GoldenImages::tolerance(model::Precision::kBf16))
      << "the images differ by more than any tolerance";
  EXPECT_EQ(golden_difference(*loaded.golden, logits * std::numeric_limits<float>::quiet_NaN()),
            std::numeric_limits<double>::infinity());
}

TEST(GoldenImages, LeaveTheModeOfTheNetworkAndItsRandomNumbers) {
  const Bundle bundle = golden_bundle();
  const torch::Tensor before = (torch::manual_seed(5), torch::rand({1}));
  torch::manual_seed(5);
  EXPECT_TRUE(bundle.classifier->is_training());
  ASSERT_TRUE(measure_golden_images(*bundle.classifier, bundle.transforms));
  EXPECT_TRUE(bundle.classifier->is_training());
  EXPECT_TRUE(torch::rand({1}).equal(before));
}

TEST(GoldenImages, DoNotDependOnTheNumberOfThreads) {
  torch::manual_seed(3);
  const auto classifier = model::make_classifier({.architecture = "efficientnet_b0", .num_classes = 3});
  data::Transforms transforms;
  transforms.resize = {.size = 40};
  transforms.augment = {.size = 32};
  const auto measured_by = [&](int threads) {
    const model::ThreadCount count(threads);
    return measure_golden_images(*classifier, transforms)->logits;
  };
  EXPECT_EQ(measured_by(1), measured_by(2));
}

TEST(GoldenImages, AreLeftOutWhereTheyCannotBeCompared) {
  Bundle bundle = golden_bundle();
  {
    const torch::NoGradGuard no_grad;
    bundle.classifier->parameters()[0].fill_(std::numeric_limits<float>::infinity());
  }
  EXPECT_FALSE(measure_golden_images(*bundle.classifier, bundle.transforms));
  const auto grey = model::make_classifier({.architecture = "resnet20", .num_classes = 3, .in_channels = 1});
  EXPECT_FALSE(measure_golden_images(*grey, bundle.transforms));
}

TEST(GoldenImages, AreRefusedWhereTheyContradictTheClasses) {
  const nlohmann::ordered_json good = {{"seed", 1}, {"logits", {{1, 2, 3}, {4, 5, 6}}}};
  EXPECT_EQ(GoldenImages::from_json(good, 3).to_json(), good);
  EXPECT_THROW(GoldenImages::from_json(good, 2), std::invalid_argument);
  EXPECT_THROW(GoldenImages::from_json({{"seed", 1}, {"logits", nlohmann::ordered_json::array()}}, 3),
               std::invalid_argument);
  EXPECT_ANY_THROW(GoldenImages::from_json({{"seed", 1}}, 3));
}

TEST(GoldenImages, KeepSixDigits) {
  const GoldenImages golden{.seed = 7, .logits = {{1.23456789F, -0.000123456789F, 0, 98765.4321F}}};
  EXPECT_EQ(golden.to_json().dump(), R"({"seed":7,"logits":[[1.23457,-0.000123457,0.0,98765.4]]})");
}

}  // namespace
}  // namespace margay::bundle
