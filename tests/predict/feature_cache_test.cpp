#include "margay/predict/feature_cache.h"

#include <csignal>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/data/data_block.h"
#include "margay/predict/features.h"
#include "tests/support/tiny_images.h"

namespace margay::predict {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;

/// Eight images that train, whose features are kept.
class FeatureCacheTest : public testing::Test {
 protected:
  static constexpr std::int64_t kImages = 8;

  FeatureCacheTest() {
    testing_support::write_tiny_images(folder_ / "images", 4, 1);
    classifier_ = network(0);
  }

  static std::shared_ptr<model::Classifier> network(std::uint64_t seed) {
    torch::manual_seed(seed);
    return model::make_classifier({.architecture = "resnet20", .num_classes = 2});
  }
  fs::path cache() const { return folder_ / "cache"; }
  fs::path cache_file() const { return fs::directory_iterator(cache())->path(); }
  fs::path image(const std::string& name) const { return folder_ / "images" / "train" / name; }
  data::Loader loader(data::DataBlock block) const { return block.loaders({.batch_size = 3, .num_workers = 1}).train; }
  data::Loader loader() const { return loader(testing_support::tiny_block(folder_ / "images")); }

  Features collect(const data::Loader& loader, FeatureOptions options = {}, const ImageCounter& count = {}) const {
    options.precision = model::Precision::kFp32;
    options.cache_folder = cache();
    return collect_features(*classifier_, loader, options, count);
  }
  Features collect() const { return collect(loader()); }
  /// What it must be, whatever the cache holds.
  torch::Tensor rows() const {
    return collect_features(*classifier_, loader(), {.precision = model::Precision::kFp32}).rows;
  }
  void write_cache_file(const std::string& bytes) const {
    std::ofstream(cache_file(), std::ios::binary | std::ios::trunc) << bytes;
  }

  testing_support::TemporaryFolder folder_;
  std::shared_ptr<model::Classifier> classifier_;
};

TEST_F(FeatureCacheTest, GivesTheSameBitsWithoutTheNetwork) {
  const Features first = collect();
  EXPECT_EQ(first.from_cache, 0);
  EXPECT_TRUE(first.warnings.empty());
  std::size_t counted = 0;
  const Features second = collect(loader(), {}, [&](std::size_t images) { counted += images; });
  EXPECT_EQ(second.from_cache, kImages);
  EXPECT_EQ(counted, static_cast<std::size_t>(kImages));
  EXPECT_EQ(second.seconds, 0) << "nothing was computed";
  EXPECT_TRUE(second.rows.equal(rows()));
  EXPECT_EQ(second.hashes, first.hashes);
  EXPECT_EQ(second.ids, first.ids);
  EXPECT_TRUE(second.targets.equal(first.targets));
}

TEST_F(FeatureCacheTest, KeepsChangedViewsApartFromTheImages) {
  const Features first = collect(loader(), {.with_changed_views = true});
  const Features second = collect(loader(), {.with_changed_views = true});
  EXPECT_EQ(second.seconds, 0);
  EXPECT_TRUE(second.rows.equal(rows()));
  EXPECT_TRUE(second.changed.rows.equal(first.changed.rows));
}

TEST_F(FeatureCacheTest, ServesOtherLabelsOfTheSameImages) {
  collect();
  const data::Loader other = loader(testing_support::tiny_block(folder_ / "images").label(data::folder_labels(2)));
  EXPECT_EQ(other.dataset().num_classes(), 2);  // train and valid
  EXPECT_EQ(collect(other).from_cache, kImages);
}

TEST_F(FeatureCacheTest, NotesWhatTheBytesOfTheImagesWere) {
  collect();
  const data::Loader later = loader();
  collect(later);
  EXPECT_TRUE(later.dataset().contents().has(0)) << "a model that remembers its images need not read them again";
}

TEST_F(FeatureCacheTest, ServesNeitherOtherWeightsNorAnotherArithmetic) {
  collect();
  classifier_ = network(1);
  EXPECT_EQ(collect().from_cache, 0);
  EXPECT_TRUE(collect().rows.equal(rows()));
  const Features bf16 =
      collect_features(*classifier_, loader(), {.precision = model::Precision::kBf16, .cache_folder = cache()});
  EXPECT_EQ(bf16.from_cache, 0);
  classifier_ = network(0);
  EXPECT_EQ(collect().from_cache, kImages) << "those of the first network are still there";
}

TEST_F(FeatureCacheTest, ServesAllOrNone) {
  collect();
  data::write_png(image("flat/new.png"), testing_support::striped_image(0, 9, 24));
  std::int64_t counted = 0;
  const auto count = [&](std::size_t images) { counted += static_cast<std::int64_t>(images); };
  const Features anew = collect(loader(), {.kept = KeptFeaturesUse::kAllOrNone}, count);
  EXPECT_EQ(anew.from_cache, 0);
  EXPECT_TRUE(anew.rows.equal(rows()));
  EXPECT_EQ(counted, kImages + 1 + kImages + 1) << "first the one that was missing, then all";
  testing_support::write(image("flat/broken.png"), "no image");
  const Features again = collect(loader(), {.kept = KeptFeaturesUse::kAllOrNone});
  EXPECT_EQ(again.from_cache, kImages + 1) << "what cannot be read is never there";
  EXPECT_EQ(again.skipped.size(), 1U);
  EXPECT_TRUE(torch::allclose(again.rows, anew.rows, 1e-5, 1e-5))
      << "but for the last bits, which are of the first pass";
}

TEST_F(FeatureCacheTest, ServesAnotherHeadOnTheSameBackbone) {
  collect();
  torch::NoGradGuard no_grad;
  for (torch::Tensor& each : classifier_->head()->parameters()) each.zero_();
  EXPECT_EQ(collect().from_cache, kImages);
}

TEST_F(FeatureCacheTest, ServesNoOtherTransformsOrViews) {
  collect();
  const auto block = [&] { return testing_support::tiny_block(folder_ / "images"); };
  EXPECT_EQ(collect(loader(block().item_transform(data::resize({.size = 20})))).from_cache, 0);
  EXPECT_EQ(collect(loader(block().normalize({}))).from_cache, 0);
  EXPECT_EQ(collect(loader(testing_support::tiny_block(folder_ / "images", 20))).from_cache, 0);
  EXPECT_EQ(collect(loader(), {.average_flip = true}).from_cache, 0);
  EXPECT_EQ(collect(loader(), {.average_draws = 1}).from_cache, 0);
  EXPECT_EQ(collect(loader(), {.average_draws = 1}).from_cache, kImages);
  EXPECT_EQ(collect(loader(), {.average_draws = 2}).from_cache, 0);
}

TEST_F(FeatureCacheTest, ComputesAnImageThatChanged) {
  collect();
  data::write_png(image("flat/1.png"), testing_support::striped_image(1, 50, 24));
  const Features again = collect();
  EXPECT_EQ(again.from_cache, kImages - 1);
  EXPECT_TRUE(again.rows.allclose(rows(), 1e-5, 1e-6));  // its batch is a smaller one
  EXPECT_EQ(collect().from_cache, kImages);
}

TEST_F(FeatureCacheTest, ComputesWhatADamagedFileLost) {
  collect();
  const torch::Tensor right = rows();
  const std::string whole = file_content(cache_file());
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, whole.size() / 3, whole.size() - 1}) {
    write_cache_file(whole.substr(0, size));
    const Features again = collect();
    EXPECT_LT(again.from_cache, kImages);
    EXPECT_TRUE(again.rows.allclose(right, 1e-5, 1e-6)) << "cut at " << size;
  }
  for (std::size_t i = 20; i < whole.size(); i += whole.size() / 7) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    write_cache_file(damaged);
    const Features again = collect();
    EXPECT_LT(again.from_cache, kImages) << "byte " << i;
    EXPECT_TRUE(again.rows.allclose(right, 1e-5, 1e-6)) << "byte " << i;
    EXPECT_EQ(collect().from_cache, kImages);
  }
}

TEST_F(FeatureCacheTest, UsesNoFileOfOtherFeaturesThatBearsItsName) {
  collect();
  const fs::path own = cache_file();
  const fs::path kept = folder_ / "kept.cache";
  fs::rename(own, kept);
  classifier_ = network(1);
  collect();
  fs::rename(kept, cache_file());
  const Features features = collect();
  EXPECT_EQ(features.from_cache, 0);
  EXPECT_TRUE(features.rows.equal(rows()));
}

TEST_F(FeatureCacheTest, WarnsAndGoesOnWithoutSpace) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full = {700, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  const Features features = collect();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(features.rows.equal(rows()));
  ASSERT_EQ(features.warnings.size(), 1U);
  EXPECT_NE(features.warnings[0].find(" are not kept in " + cache().string()), std::string::npos)
      << features.warnings[0];
}

TEST_F(FeatureCacheTest, WarnsAndGoesOnWithoutAFolder) {
  std::ofstream(cache()) << "a file where the folder should be";
  const Features features = collect();
  EXPECT_TRUE(features.rows.equal(rows()));
  ASSERT_EQ(features.warnings.size(), 1U);
  EXPECT_TRUE(features.warnings[0].starts_with("features are not kept: ")) << features.warnings[0];
}

TEST_F(FeatureCacheTest, ReadsWhileAnotherProcessWrites) {
  collect();
  const FeatureCache writer(cache(),
                            features_identity(*classifier_, loader().plain(), model::Precision::kFp32, "plain"));
  data::write_png(image("flat/1.png"), testing_support::striped_image(1, 50, 24));
  const Features features = collect();
  EXPECT_EQ(features.from_cache, kImages - 1);
  EXPECT_EQ(features.warnings.size(), 1U);
}

TEST_F(FeatureCacheTest, KeepsWhatWasComputedBeforeAnInterruption) {
  std::size_t done = 0;
  const auto interrupt = [&](std::size_t images) {
    done += images;
    if (done >= 6) throw std::runtime_error("interrupted");
  };
  EXPECT_THROW(collect(loader(), {}, interrupt), std::runtime_error);
  EXPECT_EQ(collect().from_cache, 6);
}

TEST_F(FeatureCacheTest, SkipsImagesThatCannotBeReadEveryTime) {
  std::ofstream(image("upright/2.png")) << "not an image";
  for (int run = 0; run < 2; ++run) {
    const Features features = collect();
    EXPECT_EQ(features.from_cache, run == 0 ? 0 : kImages - 1);
    EXPECT_EQ(features.size(), kImages - 1);
    ASSERT_EQ(features.skipped.size(), 1U);
    EXPECT_EQ(features.skipped[0].id, 6U);
  }
}

}  // namespace
}  // namespace margay::predict
