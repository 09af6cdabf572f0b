#include "margay/predict/image_groups.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/data/data_block.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"
#include "margay/data/sample/sample.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::predict {
namespace {

using testing_support::TemporaryFolder;

constexpr std::int64_t kFeatures = 32;

/// Images of two classes. Each burst is a random point, 4 from the other class's, and points beside it.
struct Bursts {
  std::int64_t count = 40;
  std::int64_t images = 3;  ///< of each
  double spread = 0.2;      ///< within a burst, where points differ by √2 · 1
  double class_distance = 4;
};

Features with_changed_views(Features features) {
  features.changed.rows = features.rows + 0.3 * torch::randn(features.rows.sizes());
  features.changed.ids = features.ids;
  return features;
}

Features features_of_bursts(const Bursts& bursts) {
  torch::manual_seed(5);
  const std::int64_t n = bursts.count * bursts.images;
  const torch::Tensor points = torch::randn({bursts.count, kFeatures}).repeat_interleave(bursts.images, 0);
  const torch::Tensor targets = torch::arange(bursts.count).remainder(2).repeat_interleave(bursts.images);
  torch::Tensor centre = torch::zeros({kFeatures});
  centre[0] = bursts.class_distance;
  const torch::Tensor rows = points + bursts.spread * torch::randn({n, kFeatures}) + targets.unsqueeze(1) * centre;
  Features features{.rows = rows, .targets = targets};
  for (std::int64_t i = 0; i < n; ++i) features.ids.push_back(static_cast<std::size_t>(i));
  return with_changed_views(features);
}

/// Without groups of its own; near copies are found in the features.
data::Dataset no_files() { return data::Dataset::unlabelled({}); }

ImageGroups near_copies(const Features& features) { return group_images(features, no_files(), Grouping::kNearCopies); }

std::int64_t group_of(const ImageGroups& groups, std::int64_t image) {
  return groups.of_image[image].item<std::int64_t>();
}

TEST(ImageGroups, AreTheBurstsOfPhotographs) {
  const ImageGroups groups = near_copies(features_of_bursts({}));
  EXPECT_EQ(groups.count, 40);
  EXPECT_EQ(groups.largest, 3);
  EXPECT_EQ(groups.joined, 120);
  EXPECT_TRUE(groups.of_image.equal(torch::arange(40).repeat_interleave(3))) << "numbered by their first images";
  EXPECT_EQ(groups.kind, Grouping::kNearCopies);
  EXPECT_GT(groups.least_similarity, 0.3);
  EXPECT_EQ(groups.note, "");
}

TEST(ImageGroups, LeaveIndependentImagesOfAClassApartHoweverFarClassesAre) {
  for (const double distance : {0.0, 4.0, 40.0}) {
    const ImageGroups groups = near_copies(features_of_bursts({.count = 300, .images = 1, .class_distance = distance}));
    EXPECT_EQ(groups.count, 300) << "classes " << distance << " apart";
    EXPECT_EQ(groups.joined, 0);
    EXPECT_EQ(groups.largest, 1);
  }
}

TEST(ImageGroups, LeaveAFewImagesApart) {
  for (const std::int64_t count : {1, 2, 3, 5}) {
    EXPECT_EQ(near_copies(features_of_bursts({.count = count, .images = 1})).count, count);
  }
  EXPECT_EQ(near_copies(Features{.rows = torch::empty({0, kFeatures})}).count, 0);
}

TEST(ImageGroups, HoldFramesOfAFilmTogetherWhoseEndsDiffer) {
  Features features = features_of_bursts({.count = 60, .images = 1});
  torch::Tensor frame = features.rows[0].clone();
  for (std::int64_t i = 0; i < 8; ++i) {  // of class 0: every other image
    features.rows[2 * i] = frame;
    frame = frame + 0.3 * torch::randn({kFeatures});
  }
  const ImageGroups groups = near_copies(with_changed_views(features));
  EXPECT_EQ(groups.count, 53);
  EXPECT_EQ(groups.largest, 8);
  EXPECT_EQ(group_of(groups, 0), group_of(groups, 14));
}

TEST(ImageGroups, AreNotJoinedByAnImageBetweenThem) {
  Features features = features_of_bursts({.count = 40, .images = 4});
  // Of class 0: bursts 0 and 2, and the image that lies half way; it is alike to most images of both.
  features.rows[8] = (features.rows.slice(0, 0, 4).mean(0) + features.rows.slice(0, 9, 12).mean(0)) / 2;
  const ImageGroups groups = near_copies(with_changed_views(features));
  EXPECT_NE(group_of(groups, 0), group_of(groups, 9));
  EXPECT_EQ(group_of(groups, 0), group_of(groups, 3));
  EXPECT_EQ(group_of(groups, 9), group_of(groups, 11));
}

TEST(ImageGroups, NeverGrowOverHalfOfALargeClass) {
  Features features = features_of_bursts({.count = 80, .images = 1});
  const torch::Tensor photograph = features.rows[0].clone();
  for (std::int64_t i = 0; i < 24; ++i) {  // of the 40 of class 0
    features.rows[2 * i] = photograph + 0.05 * torch::randn({kFeatures});
  }
  const ImageGroups groups = near_copies(with_changed_views(features));
  EXPECT_EQ(groups.largest, 20);
  EXPECT_GE(groups.joined, 22);
  EXPECT_NE(groups.note.find("kept to half of it"), std::string::npos) << groups.note;
}

TEST(ImageGroups, JoinEqualImagesOfAnyClasses) {
  Features features = features_of_bursts({.count = 30, .images = 1});
  features.rows[7] = features.rows[2];  // of the other class
  features.changed = {};
  const ImageGroups groups = near_copies(features);
  EXPECT_EQ(groups.count, 29);
  EXPECT_EQ(group_of(groups, 7), group_of(groups, 2));
  EXPECT_EQ(groups.least_similarity, 0);
  features.rows = torch::ones({30, kFeatures});
  EXPECT_EQ(near_copies(features).count, 1) << "all images are one";
}

TEST(ImageGroups, TakeNearHashesOfAnyClassesForCopiesWhereFeaturesAgree) {
  Features features = features_of_bursts({.count = 30, .images = 1});
  core::Random random{1};
  for (int i = 0; i < 30; ++i) features.hashes.push_back(random.next());
  features.rows[7] = features.rows[2] + 0.1 * torch::randn({kFeatures});  // a class apart in the labels alone
  features.hashes[7] = features.hashes[2] ^ 0b1010011U;
  features.hashes[9] = features.hashes[4] ^ 1U;
  const ImageGroups groups = near_copies(features);
  EXPECT_EQ(groups.count, 29);
  EXPECT_EQ(group_of(groups, 7), group_of(groups, 2));
  EXPECT_NE(group_of(groups, 9), group_of(groups, 4)) << "other features";
  features.changed = {};
  const ImageGroups by_hash = near_copies(features);
  EXPECT_EQ(by_hash.count, 29);
  EXPECT_EQ(group_of(by_hash, 9), group_of(by_hash, 4)) << "without features a bit may differ, four may not";
}

TEST(ImageGroups, SayWhereTheNetworkCannotTell) {
  Features features = features_of_bursts({});
  features.changed.rows = torch::randn(features.rows.sizes());
  const ImageGroups groups = near_copies(features);
  EXPECT_EQ(groups.count, 120);
  EXPECT_NE(groups.note.find("only images that look the same"), std::string::npos) << groups.note;
}

TEST(ImageGroups, OfSeveralLabelsAreOfTheSameLabels) {
  Features features = features_of_bursts({});
  features.targets = torch::one_hot(features.targets, 2).to(torch::kFloat);
  EXPECT_EQ(near_copies(features).count, 40);
}

TEST(ImageGroups, OfOneClassAreFoundToo) {
  Features features = features_of_bursts({.class_distance = 0});
  features.targets = torch::zeros({features.size()}, torch::kLong);
  const ImageGroups groups = near_copies(features);
  EXPECT_EQ(groups.count, 40);
  EXPECT_EQ(groups.largest, 3);
}

TEST(ImageGroups, FollowTheDatasOwnWhereThereAreSome) {
  const auto items = std::make_shared<data::Items>();
  for (int i = 0; i < 5; ++i) items->add(std::to_string(i), {"cat"});
  const auto groups = std::make_shared<const std::vector<std::uint32_t>>(std::vector<std::uint32_t>{7, 3, 7, 9, 3});
  const data::Dataset dataset(items, {0, 1, 2, 3, 4}, data::Vocabulary({"cat"}), groups);
  Features features{.rows = torch::randn({4, 3}), .ids = {0, 1, 2, 4}};  // one could not be read
  for (const Grouping grouping : {Grouping::kAuto, Grouping::kGiven}) {
    const ImageGroups found = group_images(features, dataset, grouping);
    EXPECT_TRUE(found.of_image.equal(torch::tensor({0, 1, 0, 1}, torch::kLong)));
    EXPECT_EQ(found.kind, Grouping::kGiven);
  }
  EXPECT_EQ(group_images(features, dataset, Grouping::kNone).count, 4);
  const data::Dataset without(items, {0, 1, 2, 3, 4}, data::Vocabulary({"cat"}));
  EXPECT_EQ(group_images(features, without).kind, Grouping::kNearCopies);
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>(
                [&] { group_images(features, without, Grouping::kGiven); }),
            "[groups] the data has no groups; give them with `group_regex` or `group_column`, or look for near copies");
}

/// The image a moment later: a little nearer, from a little to the side, in other light.
core::Image moment_later(const core::Image& image, int moment) {
  const auto share = [&](double of) { return static_cast<int>(std::lround(of * moment * image.width)); };
  const data::Box box = {share(0.03), share(0.015), image.width - share(0.01), image.height - share(0.03)};
  core::Image later = data::resample(image, box, image.height, image.width);
  for (std::uint8_t& value : later.pixels) value = static_cast<std::uint8_t>(std::min(255, value + 6 * moment));
  return later;
}

TEST(ImageGroups, FindBurstsOfTheSampleByANetworkThatLearntNothing) {
  const TemporaryFolder folder;
  data::draw_sample(folder / "sample", {.per_class = 2, .valid_fraction = 0});
  const data::PathList sample = data::image_files(folder / "sample");
  std::int64_t burst = 0;
  for (const std::filesystem::path& path : sample) {
    const core::Image image = data::read_image(path);
    const std::string name = std::to_string(1000 + burst++);
    const auto place = folder / "bursts" / path.parent_path().filename();
    std::filesystem::create_directories(place);
    for (int moment = 0; moment < 3; ++moment) {
      data::write_jpeg(place / (name + "_" + std::to_string(moment) + ".jpg"), moment_later(image, moment),
                       90 - 10 * moment);
    }
  }
  const data::Loaders loaders = data::DataBlock()
                                    .items(data::image_files(folder / "bursts"))
                                    .label(data::folder_labels())
                                    .split(data::no_split())
                                    .item_transform(data::resize({.size = 64}))
                                    .batch_transform(data::augment({.size = 64}))
                                    .loaders();
  torch::manual_seed(0);
  const auto network = model::make_classifier({.architecture = "resnet20", .num_classes = loaders.vocabulary.size()});
  const Features features = collect_features(*network, loaders.train, {.with_changed_views = true});
  const ImageGroups groups = group_images(features, loaders.train.dataset());
  const torch::Tensor expected = torch::arange(burst).repeat_interleave(3);
  const torch::Tensor is_joined = groups.of_image.unsqueeze(0) == groups.of_image.unsqueeze(1);
  const torch::Tensor is_burst = expected.unsqueeze(0) == expected.unsqueeze(1);
  const auto pairs = is_burst.sum().item<std::int64_t>() - features.size();
  const auto found = (is_joined & is_burst).sum().item<std::int64_t>() - features.size();
  EXPECT_GT(found, pairs * 3 / 4) << "of " << pairs;
  // Random features tell not all of the sample's similar drawings apart: each two bursts that are joined make 18 pairs.
  constexpr std::int64_t kJoinedBursts = 3;
  EXPECT_LE((is_joined & ~is_burst).sum().item<std::int64_t>(), 18 * kJoinedBursts) << "of 3420; measured: 36";
}

}  // namespace
}  // namespace margay::predict
