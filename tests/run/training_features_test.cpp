#include <memory>

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "margay/bundle/bundle.h"
#include "margay/core/error.h"
#include "margay/data/loader/loader.h"
#include "margay/predict/features.h"
#include "margay/run/training_features.h"
#include "tests/support/seeded_bundle.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_images.h"

namespace margay::run {
namespace {

/// A model of random weights, and the images of its training.
class TrainingFeaturesTest : public testing::Test {
 protected:
  TrainingFeaturesTest() {
    testing_support::write_tiny_images(images_, 4, 2);
    bundle::save_bundle(model_, testing_support::striped_bundle(5));
  }

  TrainingFeatures features(const TrainingFeatures::OnProgress& on_progress = {}) const {
    return TrainingFeatures(model_, {.folder = images_, .cache_folder = folder_ / "cache"}, on_progress);
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path images_ = folder_ / "images";
  std::filesystem::path model_ = folder_ / "model.margay";
};

TEST_F(TrainingFeaturesTest, AreThoseOfTheTrainingImagesAndStayInTheCache) {
  const TrainingFeatures computed = features();
  EXPECT_EQ(computed.size(), 8);
  EXPECT_EQ(computed.from_cache(), 0);
  EXPECT_NE(computed.reason().find("8 of the 12 images"), std::string::npos) << computed.reason();
  EXPECT_EQ(features().from_cache(), 8);
}

TEST_F(TrainingFeaturesTest, FindTheImageItselfFirst) {
  const auto image = images_ / "train/upright/2.png";
  const bundle::Bundle bundle = bundle::load_bundle(model_);
  const data::Loader loader(std::make_shared<data::Dataset>(data::Dataset::unlabelled(data::PathList{image})),
                            data::ImagePipeline(bundle.transforms), data::Phase::kValid, {.batch_size = 1});
  const torch::Tensor own = predict::collect_features(*bundle.classifier, loader).rows;
  const auto nearest = features().nearest(own, 3);
  ASSERT_EQ(nearest.size(), 3U);
  EXPECT_EQ(nearest[0].image, image);
  EXPECT_EQ(nearest[0].labels, std::vector<std::string>{"upright"});
  EXPECT_NEAR(nearest[0].similarity, 1, 1e-5);
  EXPECT_GE(nearest[1].similarity, nearest[2].similarity);
}

TEST_F(TrainingFeaturesTest, EndWhereProgressThrowsAndGoOnFromTheCache) {
  const auto stop = [](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(total, 8);
    if (done > 0) throw core::Interrupted("enough");
  };
  EXPECT_THROW(features(stop), core::Interrupted);
  EXPECT_EQ(features().size(), 8);
}

TEST_F(TrainingFeaturesTest, SayWhereThereAreNoImages) {
  EXPECT_THROW(TrainingFeatures(model_, {.folder = folder_ / "nowhere", .cache_folder = ""}), core::DataError);
}

}  // namespace
}  // namespace margay::run
