#include "margay/interpret/surest_parts.h"

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace margay::interpret::detail {
namespace {

/// Twenty images that are all of class 0 by the predictions, the first surest; the labels of the last four are class 1.
struct OneClass {
  std::vector<std::int64_t> labels = std::vector<std::int64_t>(20, 0);
  std::vector<std::int64_t> predictions = std::vector<std::int64_t>(20, 0);
  std::vector<double> surety;

  OneClass() {
    for (std::size_t i = 16; i < 20; ++i) labels[i] = 1;
    for (int i = 0; i < 20; ++i) surety.push_back(0.99 - 0.01 * i);
  }
  SurestParts parts() const { return {labels, predictions, surety, 2}; }
};

TEST(SurestParts, CountsOtherLabelsInEachPart) {
  const OneClass data;
  const PartShares shares = data.parts().of_data();
  ASSERT_EQ(shares.all.size(), 1U);
  EXPECT_DOUBLE_EQ(shares.all[0][0], 4. / 20);
  for (std::size_t part = 1; part < kSurestParts.size(); ++part) EXPECT_EQ(shares.all[0][part], 0) << part;
  EXPECT_DOUBLE_EQ(shares.of_class[0][0][0], 0);
  EXPECT_DOUBLE_EQ(shares.of_class[1][0][0], 4. / 5);  // a class never counts as wholly wrong
}

TEST(SurestParts, TakesAPartOfTheImageAtItsEdge) {
  OneClass data;
  data.labels.assign(20, 0);
  data.labels[0] = 1;
  data.labels.resize(10);
  data.predictions.resize(10);
  data.surety.resize(10);
  const PartShares shares = data.parts().of_data();
  EXPECT_DOUBLE_EQ(shares.all[0][3], 1 / 3.5);  // 35 % of ten images
  EXPECT_DOUBLE_EQ(shares.all[0][4], 1 / 2.5);
  const std::vector<OfParts> cases = data.parts().cases();
  EXPECT_DOUBLE_EQ(cases[0][3], 2.5);
  EXPECT_DOUBLE_EQ(cases[1][3], 1);
}

TEST(SurestParts, ReplicatesVaryAroundTheData) {
  const OneClass data;
  const metric::Resamples resamples(20, {}, {.replicates = 500});
  const PartShares drawn = data.parts().of_replicates(resamples);
  ASSERT_EQ(drawn.all.size(), 500U);
  ASSERT_EQ(drawn.of_class.size(), 2U);
  ASSERT_EQ(drawn.of_class[1].size(), 500U);
  std::vector<double> of_all;
  std::size_t without_second = 0;
  for (std::size_t r = 0; r < 500; ++r) {
    of_all.push_back(drawn.all[r][0]);
    without_second += std::isnan(drawn.of_class[1][r][0]) ? 1U : 0U;
  }
  EXPECT_NEAR(std::accumulate(of_all.begin(), of_all.end(), 0.0) / 500, 0.2, 0.02);
  EXPECT_NEAR(variance_of(of_all), 0.2 * 0.8 / 20, 0.0015);
  EXPECT_GT(without_second, 0U);  // (16/20)^20 = 1 %
  EXPECT_LT(without_second, 25U);
}

TEST(SurestParts, OfPredictionsThatNobodyMakesAreEmpty) {
  const std::vector<std::int64_t> labels = {0, 1, 2};
  const std::vector<std::int64_t> predictions = {0, 0, 0};
  const std::vector<double> surety = {0.9, 0.8, 0.7};
  const SurestParts parts(labels, predictions, surety, 3);
  EXPECT_DOUBLE_EQ(parts.of_data().all[0][0], 2. / 3);
  EXPECT_DOUBLE_EQ(parts.cases()[2][0], 1);
}

TEST(PartChoice, TakesTheLargestPartThatIsNotAboveASmallerOne) {
  // Differences vary by about .01, but that of the last two not at all.
  const std::vector<OfParts> replicates = {{0.10, 0.09, 0.08, 0.07, 0.07}, {0.12, 0.10, 0.08, 0.06, 0.06}};
  const PartChoice choose(replicates);
  EXPECT_EQ(choose({0.1, 0.1, 0.1, 0.1, 0.1}), 0U);
  EXPECT_EQ(choose({0.3, 0.1, 0.1, 0.1, 0.1}), 1U);
  EXPECT_EQ(choose({0.3, 0.2, 0.1, 0.1, 0.1}), 2U);
  EXPECT_EQ(choose({0.3, 0.2, 0.15, 0.1, 0.05}), 4U);
}

TEST(PartChoice, ExtrapolatesToAPartOfNoSize) {
  EXPECT_DOUBLE_EQ(extrapolated_share({0.35, 0.26, 0.2, 0.155, 0.125}), 0.05);  // .05 + .3 q
}

TEST(PartChoice, VarianceLeavesOutWhatIsNotKnown) {
  const std::vector<double> values = {1, 3, std::nan("")};
  EXPECT_DOUBLE_EQ(variance_of(values), 2);
  EXPECT_EQ(variance_of(std::vector<double>{5}), 0);
}

}  // namespace
}  // namespace margay::interpret::detail
