#include "margay/interpret/wrong_label_share.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/random.h"
#include "margay/interpret/confident_joint.h"

namespace margay::interpret {
namespace {

/// Labels of which some were drawn anew, and what a perfect model of such labels says of each image.
struct NoisyLabels {
  torch::Tensor labels;         ///< int64 [N]
  torch::Tensor probabilities;  ///< double [N,K]
  std::vector<double> wrong;    ///< [K], the share of wrong labels among those of each class
  double all = 0;
};

/// Classes are normal clouds of one feature, `distance` standard deviations apart; each label is another class's with
/// probability `noise`.
NoisyLabels noisy_labels(std::int64_t images, std::int64_t classes, double distance, double noise, std::uint64_t seed) {
  core::Random random{seed, 19};
  const auto normal = [&] {
    return std::sqrt(-2 * std::log(1 - random.uniform())) * std::cos(2 * M_PI * random.uniform());
  };
  NoisyLabels result{torch::empty({images}, torch::kLong), torch::empty({images, classes}, torch::kDouble),
                     std::vector<double>(static_cast<std::size_t>(classes)), 0};
  std::vector<double> count(static_cast<std::size_t>(classes));
  std::vector<double> of_truth(static_cast<std::size_t>(classes));
  for (std::int64_t i = 0; i < images; ++i) {
    const auto truth = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes)));
    const double x = distance * static_cast<double>(truth) + normal();
    double sum = 0;
    for (std::size_t k = 0; k < of_truth.size(); ++k) {
      of_truth[k] = std::exp(-0.5 * std::pow(x - distance * static_cast<double>(k), 2));
      sum += of_truth[k];
    }
    const double other = noise / static_cast<double>(classes - 1);
    double* const row = result.probabilities.data_ptr<double>() + i * classes;
    for (std::size_t k = 0; k < of_truth.size(); ++k) {
      row[k] = of_truth[k] / sum * (1 - noise) + (1 - of_truth[k] / sum) * other;
    }
    std::int64_t label = truth;
    if (random.chance(noise)) {
      label = (truth + 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes - 1)))) % classes;
    }
    result.labels.data_ptr<std::int64_t>()[i] = label;
    ++count[static_cast<std::size_t>(label)];
    if (label == truth) continue;
    result.wrong[static_cast<std::size_t>(label)] += 1;
    result.all += 1 / static_cast<double>(images);
  }
  for (std::size_t k = 0; k < count.size(); ++k) result.wrong[k] /= count[k];
  return result;
}

bool holds(const metric::Estimate& estimate, double truth) {
  return estimate.interval.low <= truth && truth <= estimate.interval.high;
}

/// How often the intervals hold the truth, of all images and of single classes, and how far values are above it.
struct Coverage {
  double all = 0;
  double by_class = 0;
  double surplus = 0;
  double surplus_of_joint = 0;  ///< of the confident joint's share
};

double share_of_joint(const NoisyLabels& data) {
  const torch::Tensor counts = confident_joint(data.labels, data.probabilities).calibrated.to(torch::kDouble);
  return 1 - (counts.diagonal().sum() / counts.sum()).item<double>();
}

struct Drawing {
  std::int64_t images, classes;
  double distance, noise;
};

Coverage coverage(const Drawing& drawing) {
  constexpr int kDraws = 40;
  Coverage result;
  for (int draw = 0; draw < kDraws; ++draw) {
    const NoisyLabels data = noisy_labels(drawing.images, drawing.classes, drawing.distance, drawing.noise,
                                          static_cast<std::uint64_t>(draw));
    const WrongLabelShares shares = wrong_label_shares(data.labels, data.probabilities, {}, {.replicates = 128});
    result.all += holds(shares.all, data.all) / static_cast<double>(kDraws);
    result.surplus += (shares.all.value - data.all) / kDraws;
    result.surplus_of_joint += (share_of_joint(data) - data.all) / kDraws;
    for (std::size_t k = 0; k < data.wrong.size(); ++k) {
      result.by_class += holds(shares.by_class[k], data.wrong[k]) / static_cast<double>(kDraws * drawing.classes);
    }
  }
  return result;
}

// Twelve images surely of class 0 and eight of class 1; the more a label is to be believed, the surer its image.
TEST(WrongLabelShare, IsThatOfTheLargestPartThatIsNotAboveASmallerOne) {
  const torch::Tensor labels =
      torch::tensor({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0}, torch::kLong);
  const torch::Tensor of_first = torch::cat({torch::linspace(0.99, 0.9, 12, torch::kDouble),  //
                                             torch::linspace(0.01, 0.1, 8, torch::kDouble)});
  const WrongLabelShares shares = wrong_label_shares(labels, torch::stack({of_first, 1 - of_first}, 1));
  EXPECT_LT(shares.all.value, 2. / 20);  // both are the least sure ones of their class
  EXPECT_EQ(shares.all.interval.low, 0);
  EXPECT_GT(shares.all.interval.high, 2. / 20);
  const torch::Tensor surest_first = torch::cat({of_first.slice(0, 0, 12).flip(0), of_first.slice(0, 12).flip(0)});
  const WrongLabelShares others = wrong_label_shares(labels, torch::stack({surest_first, 1 - surest_first}, 1));
  EXPECT_DOUBLE_EQ(others.all.value, 2. / 20);  // no smaller part has fewer, so all images are counted
  EXPECT_DOUBLE_EQ(others.by_class[0].value, 1. / 12);
  EXPECT_DOUBLE_EQ(others.by_class[1].value, 1. / 8);
}

TEST(WrongLabelShare, IntervalsHoldTheTruthWhereClassesAreToldApart) {
  for (const double noise : {0., 0.05, 0.2}) {
    const Coverage found = coverage({.images = 200, .classes = 3, .distance = 6, .noise = noise});
    EXPECT_GE(found.all, 0.95) << noise;
    EXPECT_GE(found.by_class, 0.95) << noise;
  }
}

TEST(WrongLabelShare, IntervalsHoldTheTruthWhereTwoClassesOverlap) {
  for (const double noise : {0.05, 0.2}) {
    for (const double distance : {1.5, 2.5}) {
      const Coverage found = coverage({.images = 400, .classes = 2, .distance = distance, .noise = noise});
      EXPECT_GE(found.all, 0.95) << noise << ", " << distance;
      EXPECT_GE(found.by_class, 0.95) << noise << ", " << distance;
      EXPECT_LT(std::abs(found.surplus), 0.5 * found.surplus_of_joint) << noise << ", " << distance;
    }
  }
}

TEST(WrongLabelShare, IsStillTooHighWhereLabelsAreRightAndClassesOverlap) {
  const Coverage found = coverage({.images = 400, .classes = 2, .distance = 1.5, .noise = 0});
  EXPECT_GT(found.surplus_of_joint, 0.1);
  EXPECT_GT(found.surplus, 0.02);
  EXPECT_LT(found.surplus, 0.5 * found.surplus_of_joint);
  EXPECT_GE(found.all, 0.95);  // its lower end is 0
}

// What the documentation warns of: the class in the middle has no image that is surely of it.
TEST(WrongLabelShare, IsTooHighForAClassBetweenTwoOthers) {
  const Coverage found = coverage({.images = 400, .classes = 3, .distance = 1.5, .noise = 0.05});
  EXPECT_GT(found.surplus, 0.1);
  EXPECT_LT(found.all, 0.8);
}

TEST(WrongLabelShare, HasAWidthWhereNoLabelLooksWrong) {
  const torch::Tensor labels = torch::arange(20) % 2;
  const torch::Tensor probabilities = torch::one_hot(labels, 2).to(torch::kDouble) * 0.9 + 0.05;
  const WrongLabelShares shares = wrong_label_shares(labels, probabilities);
  EXPECT_EQ(shares.all.value, 0);
  EXPECT_EQ(shares.all.interval.low, 0);
  EXPECT_GT(shares.all.interval.high, 0.1);
}

TEST(WrongLabelShare, IsLessSureWhereImagesComeInGroups) {
  const NoisyLabels data = noisy_labels(60, 3, 5, 0.2, 3);
  const torch::Tensor labels = data.labels.repeat_interleave(5);
  const torch::Tensor probabilities = data.probabilities.repeat_interleave(5, 0);
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < labels.size(0); ++i) groups.push_back(i / 5);
  const auto width = [](const metric::Estimate& share) { return share.interval.high - share.interval.low; };
  const double alone = width(wrong_label_shares(labels, probabilities).all);
  const double grouped = width(wrong_label_shares(labels, probabilities, groups).all);
  EXPECT_GT(grouped, 1.7 * alone);  // a fifth of the cases: 2.2 times as wide
}

TEST(WrongLabelShare, OfAClassWithoutImagesIsNotKnown) {
  const torch::Tensor labels = torch::tensor({0, 1, 0, 1}, torch::kLong);
  const torch::Tensor probabilities =
      torch::tensor({{.8, .1, .1}, {.1, .8, .1}, {.7, .2, .1}, {.2, .7, .1}}, torch::kDouble);
  const WrongLabelShares shares = wrong_label_shares(labels, probabilities);
  EXPECT_TRUE(std::isnan(shares.by_class[2].value));
  EXPECT_FALSE(shares.by_class[2].interval.is_known());
  EXPECT_EQ(shares.all.value, 0);
}

TEST(WrongLabelShare, OfSeveralLabelsIsThatOfEachClass) {
  const NoisyLabels data = noisy_labels(300, 2, 5, 0.1, 4);
  const torch::Tensor labels = torch::stack({data.labels, 1 - data.labels}, 1);
  const torch::Tensor yes = data.probabilities.select(1, 1);
  const WrongLabelShares several = wrong_multi_label_shares(labels, torch::stack({yes, 1 - yes}, 1));
  const WrongLabelShares single = wrong_label_shares(data.labels, data.probabilities);
  EXPECT_NEAR(several.by_class[0].value, single.all.value, 1e-12);
  EXPECT_NEAR(several.all.value, single.all.value, 1e-12);
}

TEST(WrongLabelShare, RefusesWhatAConfidentJointRefuses) {
  EXPECT_THROW(wrong_label_shares(torch::zeros({2}, torch::kLong), torch::ones({2, 1})), std::invalid_argument);
  EXPECT_THROW(wrong_label_shares(torch::full({2}, 5, torch::kLong), torch::ones({2, 3})), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
