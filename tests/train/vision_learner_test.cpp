#include "margay/train/vision_learner.h"

#include <gtest/gtest.h>

#include "margay/train/recipe/stage.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

constexpr const char* kViT = "vit_tiny_patch16_224";

class VisionLearner : public testing::Test {
 protected:
  VisionLearner() { testing_support::write_tiny_images(folder_.path(), 4, 2); }

  Learner learner(const std::string& architecture, int size) const {
    return vision_learner(
        testing_support::tiny_block(folder_.path(), size).loaders({.batch_size = 4}), architecture,
        {.head = {.kind = model::HeadKind::kLinear}, .learner = {.precision = model::Precision::kFp32}});
  }

  const testing_support::TemporaryFolder folder_;
};

TEST_F(VisionLearner, MakesNetworksWithPositionsForTheSizeOfTheImages) {
  Learner learner = this->learner(kViT, 32);
  learner.fit(1);
  EXPECT_EQ(learner.classifier().options().image_px, 32);
}

TEST_F(VisionLearner, SaysBeforeTrainingThatANetworkCannotChangeItsSize) {
  const Learner learner = this->learner(kViT, 32);
  const auto check = [&] { learner.check({{.epochs = 1, .size = 48}}); };
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>(check),
            "[recipe] vit_tiny_patch16_224 is made for images of 32 pixels and cannot train on 48");
  EXPECT_NO_THROW(learner.check({{.epochs = 1, .size = 32}}));
  EXPECT_NO_THROW(this->learner("resnet20", 32).check({{.epochs = 1, .size = 48}}));
}

TEST_F(VisionLearner, SaysOfASizeThatPatchesDoNotFillWhichWould) {
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([&] { learner(kViT, 40); }),
            "[ViT] the side of images must be a multiple of the patch's 16 pixels, got 40; take 32");
}

TEST(PublishedNormalization, IsThatOfTheWeights) {
  EXPECT_EQ(published_normalization("resnet18").mean, data::imagenet_normalization().mean);
  EXPECT_EQ(published_normalization(kViT).std, (std::array<double, 3>{0.5, 0.5, 0.5}));
  EXPECT_THROW(published_normalization("resnet19"), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
