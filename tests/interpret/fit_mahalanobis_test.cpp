#include "margay/interpret/fit_mahalanobis.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <ATen/ops/linalg_inv.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/labelled_clouds.h"

namespace margay::interpret {
namespace {

using predict::MahalanobisDistances;
using testing_support::labelled_clouds;
using testing_support::LabelledClouds;

constexpr std::int64_t kAll = 1000;

/// Ledoit and Wolf's covariance of rows [N,D] around zero as their paper writes it, image by image.
torch::Tensor ledoit_wolf_by_hand(const torch::Tensor& rows) {
  const std::int64_t n = rows.size(0);
  const auto d = static_cast<double>(rows.size(1));
  const torch::Tensor sample = rows.t().matmul(rows) / n;
  const torch::Tensor target = torch::eye(rows.size(1), torch::kDouble) * sample.trace().item<double>() / d;
  const double distance = (sample - target).pow(2).sum().item<double>() / d;
  double spread = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    spread += (torch::outer(rows[i], rows[i]) - sample).pow(2).sum().item<double>() / d;
  }
  const double share = std::min(spread / static_cast<double>(n * n), distance) / distance;
  return share * target + (1 - share) * sample;
}

/// Both distances by their formulas, with D² numbers each.
torch::Tensor distances_by_hand(const LabelledClouds& clouds, std::int64_t classes, const torch::Tensor& images) {
  const torch::Tensor x = predict::unit_rows(clouds.features.to(torch::kDouble));
  const torch::Tensor one_hot = class_members(clouds.targets, classes).to(torch::kDouble);
  const torch::Tensor counts = one_hot.sum(0);
  const torch::Tensor means = one_hot.t().matmul(x) / counts.unsqueeze(1);
  const torch::Tensor mean = x.mean(0);
  const double floor = 1e-6 * (x - mean).pow(2).mean().item<double>();
  const torch::Tensor within =
      ledoit_wolf_by_hand(x - one_hot.matmul(means)) + floor * torch::eye(x.size(1), torch::kDouble);
  const torch::Tensor offsets = means - mean;
  const torch::Tensor all = within + offsets.t().matmul(offsets * (counts / counts.sum()).unsqueeze(1));
  const auto square = [](const torch::Tensor& rows, const torch::Tensor& covariance) {
    return (rows.matmul(at::linalg_inv(covariance)) * rows).sum(1);
  };
  const torch::Tensor queries = predict::unit_rows(images.to(torch::kDouble));
  std::vector<torch::Tensor> columns;
  for (std::int64_t k = 0; k < classes; ++k) {
    columns.push_back(square(queries - means[k], within) - square(queries - mean, all));
  }
  return torch::stack(columns, 1);
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(FitMahalanobis, GivesTheFormulasDistances) {
  const LabelledClouds clouds = labelled_clouds(300, 5, 12, 3, 7);
  const torch::Tensor images = torch::randn({40, 12});
  const MahalanobisDistances fitted = fit_mahalanobis(clouds.features, class_members(clouds.targets, 5), kAll);
  EXPECT_EQ(fitted.directions.size(0), 4);
  const torch::Tensor expected = distances_by_hand(clouds, 5, images);
  // What is left is the rounding of the directions to 11 bits.
  EXPECT_LT(largest_difference(fitted(images), expected), 3e-3 * expected.abs().max().item<double>());
}

TEST(FitMahalanobis, TakesMoreFeaturesThanImages) {
  const LabelledClouds clouds = labelled_clouds(20, 3, 64, 5, 8);
  const torch::Tensor images = labelled_clouds(10, 3, 64, 5, 9).features;
  const MahalanobisDistances fitted = fit_mahalanobis(clouds.features, class_members(clouds.targets, 3), kAll);
  const torch::Tensor expected = distances_by_hand(clouds, 3, images);
  EXPECT_LT(largest_difference(fitted(images), expected), 3e-3 * expected.abs().max().item<double>());
}

TEST(FitMahalanobis, KeepsTheLargestDiscriminantsFirst) {
  const LabelledClouds clouds = labelled_clouds(400, 6, 20, 3, 10);
  const torch::Tensor members = class_members(clouds.targets, 6);
  const MahalanobisDistances all = fit_mahalanobis(clouds.features, members, kAll);
  const MahalanobisDistances two = fit_mahalanobis(clouds.features, members, 2);
  EXPECT_EQ(two.directions.size(0), 2);
  EXPECT_TRUE(two.between.equal(all.between.slice(0, 0, 2)));
  EXPECT_TRUE((all.between.slice(0, 0, 4) >= all.between.slice(0, 1)).all().item<bool>());
}

TEST(FitMahalanobis, DoesNotDependOnTheLengthOfFeatures) {
  const LabelledClouds clouds = labelled_clouds(100, 3, 8, 3, 11);
  const torch::Tensor members = class_members(clouds.targets, 3);
  const torch::Tensor images = torch::randn({5, 8});
  const torch::Tensor usual = fit_mahalanobis(clouds.features, members, kAll)(images);
  const torch::Tensor large = fit_mahalanobis(clouds.features * 4096, members, kAll)(images * 1024);
  EXPECT_TRUE(usual.allclose(large, 1e-6, 1e-6));
}

TEST(FitMahalanobis, IsInfinitelyFarFromAClassWithoutImages) {
  const LabelledClouds clouds = labelled_clouds(50, 3, 8, 3, 12);
  const torch::Tensor with_gap = class_members(clouds.targets + (clouds.targets > 0).to(torch::kLong), 4);
  const torch::Tensor distances = fit_mahalanobis(clouds.features, with_gap, kAll)(clouds.features);
  EXPECT_TRUE(distances.select(1, 1).isinf().all().item<bool>());
  EXPECT_EQ(distances.isinf().sum().item<std::int64_t>(), 50);
}

TEST(FitMahalanobis, OfConstantFeaturesTellsNothing) {
  const torch::Tensor features = torch::ones({6, 4});
  const torch::Tensor members = class_members(torch::tensor({0, 1, 0, 1, 0, 1}, torch::kLong), 2);
  const torch::Tensor distances = fit_mahalanobis(features, members, kAll)(torch::randn({3, 4}));
  EXPECT_TRUE(distances.equal(torch::zeros({3, 2}, torch::kDouble)));
  const torch::Tensor zeros = fit_mahalanobis(torch::zeros({6, 4}), members, kAll)(torch::zeros({1, 4}));
  EXPECT_TRUE(zeros.isfinite().all().item<bool>());
}

TEST(FitMahalanobis, StaysFiniteWhereEachClassHasOneImage) {
  torch::manual_seed(13);
  const torch::Tensor members = class_members(torch::tensor({0, 1}, torch::kLong), 2);
  const torch::Tensor features = torch::randn({2, 6});
  const torch::Tensor distances = fit_mahalanobis(features, members, kAll)(features);
  EXPECT_TRUE(distances.isfinite().all().item<bool>());
  EXPECT_LT(distances[0][0].item<double>(), distances[0][1].item<double>());
}

TEST(FitMahalanobis, CountsAnImageInEachOfItsClasses) {
  torch::manual_seed(14);
  const torch::Tensor features = torch::randn({30, 5});
  const torch::Tensor members = torch::rand({30, 3}) > 0.5;
  const torch::Tensor pairs = members.nonzero();
  const torch::Tensor repeated = features.index_select(0, pairs.select(1, 0));
  const torch::Tensor images = torch::randn({4, 5});
  const torch::Tensor once = fit_mahalanobis(repeated, class_members(pairs.select(1, 1), 3), kAll)(images);
  EXPECT_TRUE(fit_mahalanobis(features, members, kAll)(images).allclose(once));
}

TEST(FitMahalanobis, RefusesWhatItCannotFit) {
  const torch::Tensor members = torch::ones({2, 1}, torch::kBool);
  EXPECT_THROW(fit_mahalanobis(torch::full({2, 3}, std::nan("")), members, kAll), std::invalid_argument);
  EXPECT_THROW(fit_mahalanobis(torch::ones({3, 3}), members, kAll), std::invalid_argument);
  EXPECT_THROW(fit_mahalanobis(torch::ones({2, 3}), members.logical_not(), kAll), std::invalid_argument);
}

TEST(ClassMembers, AreThoseOfTheTargets) {
  EXPECT_TRUE(
      class_members(torch::tensor({1, 0}, torch::kLong), 2).equal(torch::tensor({{false, true}, {true, false}})));
  EXPECT_TRUE(class_members(torch::tensor({{1.0F, 0.0F}}), 2).equal(torch::tensor({{true, false}})));
  EXPECT_THROW(class_members(torch::tensor({2}, torch::kLong), 2), std::invalid_argument);
  EXPECT_THROW(class_members(torch::tensor({-1}, torch::kLong), 2), std::invalid_argument);
  EXPECT_THROW(class_members(torch::ones({2, 3}), 2), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
