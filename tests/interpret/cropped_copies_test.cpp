#include "margay/interpret/cropped_copies.h"

#include <optional>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/data/image/resample.h"
#include "margay/data/sample/sample.h"
#include "tests/support/probe_features.h"

namespace margay::interpret {
namespace {

/// Drawn images; the last one is cut out of the first. Features of the two are alike, all others are at random.
struct CutOut {
  std::vector<core::Image> images;
  torch::Tensor features;

  CutOut() {
    for (const char* label : {"fish", "cup", "leaf", "star", "shell"}) {
      images.push_back(data::draw_sample_image(label, 1).image);
    }
    const core::Image& first = images.front();
    images.push_back(data::resample(first,
                                    {first.width / 5, first.height / 10, first.width * 4 / 5, first.height * 7 / 10},
                                    first.height * 6 / 10, first.width * 6 / 10));
    features = testing_support::Numbers(1).normal({6, 8});
    features[5] = features[0] + 0.1 * testing_support::Numbers(2).normal({8});
  }

  ThumbnailOfRow thumbnails() const {
    return [this](std::int64_t row) { return std::optional(images[static_cast<std::size_t>(row)]); };
  }
};

TEST(CroppedCopies, AreProposedByFeaturesAndDecidedByImages) {
  const CutOut set;
  const auto found = find_cropped_copies(set.features, {}, set.thumbnails(), {.neighbours = 2, .threads = 2});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].whole, 0);
  EXPECT_EQ(found[0].part, 5);
  EXPECT_NEAR(found[0].share, 0.36, 0.08);
  EXPECT_FALSE(found[0].is_mirrored);
}

TEST(CroppedCopies, OfOneGroupAreKnownAlready) {
  const CutOut set;
  const torch::Tensor groups = torch::tensor({0, 1, 2, 3, 4, 0}, torch::kLong);
  EXPECT_TRUE(find_cropped_copies(set.features, groups, set.thumbnails()).empty());
  const torch::Tensor all_one = torch::zeros({6}, torch::kLong);
  EXPECT_TRUE(find_cropped_copies(set.features, all_one, set.thumbnails()).empty());
}

TEST(CroppedCopies, LeaveOutWhatCannotBeReadAndPassOnWhatFails) {
  const CutOut set;
  const auto missing = [](std::int64_t) { return std::optional<core::Image>(); };
  EXPECT_TRUE(find_cropped_copies(set.features, {}, missing).empty());
  const auto failing = [](std::int64_t) -> std::optional<core::Image> { throw std::runtime_error("no"); };
  EXPECT_THROW(find_cropped_copies(set.features, {}, failing, {.threads = 2}), std::runtime_error);
  EXPECT_THROW(find_cropped_copies(torch::ones({2}), {}, missing), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
