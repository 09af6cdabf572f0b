#include "margay/interpret/label_issues.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"
#include "tests/support/golden_tensor.h"

namespace margay::interpret {
namespace {

using testing_support::expect_near;
using testing_support::golden;

/// float64 of nested lists; null is NaN.
torch::Tensor doubles_of(const nlohmann::json& json) {
  if (json.is_null()) return torch::tensor(std::numeric_limits<double>::quiet_NaN(), torch::kDouble);
  if (json.is_number()) return torch::tensor(json.get<double>(), torch::kDouble);
  std::vector<torch::Tensor> rows;
  for (const auto& each : json) rows.push_back(doubles_of(each));
  return torch::stack(rows);
}

torch::Tensor labels_of(const nlohmann::json& one) { return doubles_of(one["labels"]).to(torch::kLong); }
torch::Tensor probabilities_of(const nlohmann::json& one) { return doubles_of(one["pred_probs"]); }

template <typename Enum>
Enum named(const std::string& name) {
  for (const auto& [value, its_name] : names(Enum{})) {
    if (name == its_name) return value;
  }
  throw std::out_of_range(name);
}

/// The values at these rows, sorted: equal lists flag the same but for the choice among equal values.
std::vector<double> values_at(const std::vector<std::int64_t>& rows, const torch::Tensor& values) {
  std::vector<double> found;
  for (const std::int64_t row : rows) found.push_back(values[row].item<double>());
  std::sort(found.begin(), found.end());
  return found;
}

torch::Tensor cleanlabs_joint(const nlohmann::json& one) { return doubles_of(one["confident_joint"]).to(torch::kLong); }

/// Whether both joints were rounded alike. Which of several entries of one row that lie equally far from whole numbers
/// is rounded up depends in cleanlab on numpy's sort and on the last bit of its sums.
bool is_rounded_alike(const nlohmann::json& one) {
  return confident_joint(labels_of(one), probabilities_of(one)).calibrated.equal(cleanlabs_joint(one));
}

/// How far the entries were rounded, those of each row sorted.
torch::Tensor rounding_errors(const torch::Tensor& rounded, const ConfidentJoint& joint) {
  const torch::Tensor counts = joint.counts.to(torch::kDouble);
  return std::get<0>((rounded - counts / counts.sum(1, true) * rounded.sum(1, true)).sort(1));
}

TEST(ConfidentJoint, IsCleanlabs) {
  int alike = 0;
  for (const auto& one : golden("label_issues.json")["cases"]) {
    const ConfidentJoint joint = confident_joint(labels_of(one), probabilities_of(one));
    expect_near(joint.thresholds, doubles_of(one["thresholds"]), 1e-11);
    EXPECT_TRUE(joint.counts.equal(doubles_of(one["confident_joint_uncalibrated"]).to(torch::kLong))) << one["name"];
    EXPECT_TRUE(joint.calibrated.sum(1).equal(cleanlabs_joint(one).sum(1))) << one["name"];
    expect_near(rounding_errors(joint.calibrated, joint), rounding_errors(cleanlabs_joint(one), joint), 1e-11);
    alike += static_cast<int>(is_rounded_alike(one));
  }
  EXPECT_GE(alike, 9);
}

TEST(ConfidentJoint, TellsHowLabelsGoWrong) {
  for (const auto& one : golden("label_issues.json")["cases"]) {
    ConfidentJoint joint;
    joint.calibrated = cleanlabs_joint(one);
    const LabelNoise noise = label_noise(joint);
    const auto& latent = one["latent"];
    // Where no image is counted for its own label, cleanlab's detour over the noise gives the class the prior 0.
    if (joint.calibrated.diagonal().ne(0).all().item<bool>()) {
      expect_near(noise.prior, doubles_of(latent["py"]), 1e-11);
    }
    expect_near(noise.noise, doubles_of(latent["noise_matrix"]), 1e-11);
    expect_near(noise.inverse_noise, doubles_of(latent["inverse_noise_matrix"]), 1e-11);
  }
}

TEST(ConfidentJoint, KeepsTheSumsOfRoundedRows) {
  const torch::Tensor rounded = detail::rounded_with_row_sums(
      torch::tensor({{0.5, 0.5, 0.5, 0.5}, {1.5, 1.5, 1.5, 1.5}, {2.25, 2.25, 2.25, 2.25}}, torch::kDouble));
  EXPECT_TRUE(rounded.sum(1).equal(torch::tensor({2, 6, 9}, torch::kLong)));
  EXPECT_TRUE(rounded[0].equal(torch::tensor({0, 0, 1, 1}, torch::kLong)));
  EXPECT_TRUE(rounded[1].equal(torch::tensor({1, 1, 2, 2}, torch::kLong)));
  EXPECT_TRUE(rounded[2].equal(torch::tensor({2, 2, 2, 3}, torch::kLong)));
}

TEST(LabelIssues, AreCleanlabsByEveryFilter) {
  for (const auto& one : golden("label_issues.json")["cases"]) {
    const bool alike = is_rounded_alike(one);
    for (const auto& [name, expected] : one["issues"].items()) {
      if (!alike && (name == "both" || name.starts_with("prune_"))) continue;  // the others do not prune by the joint
      const LabelIssues issues =
          find_label_issues(labels_of(one), probabilities_of(one), {.filter = named<LabelFilter>(name)});
      EXPECT_EQ(values_at(issues.ranked, issues.quality), values_at(expected, issues.quality))
          << one["name"] << ' ' << name;
      if (one["name"] == "ties") continue;
      std::vector<std::int64_t> rows = issues.ranked;
      std::sort(rows.begin(), rows.end());
      EXPECT_EQ(rows, expected.get<std::vector<std::int64_t>>()) << one["name"] << ' ' << name;
    }
  }
}

TEST(LabelIssues, AreInCleanlabsOrder) {
  for (const auto& one : golden("label_issues.json")["cases"]) {
    if (!is_rounded_alike(one)) continue;
    for (const auto& [name, expected] : one["ranked"].items()) {
      const LabelIssues issues =
          find_label_issues(labels_of(one), probabilities_of(one), {.rank_by = named<LabelQuality>(name)});
      const auto order = expected.get<std::vector<std::int64_t>>();
      ASSERT_EQ(issues.ranked.size(), order.size()) << one["name"] << ' ' << name;
      for (std::size_t i = 0; i < order.size(); ++i) {
        EXPECT_EQ(issues.quality[issues.ranked[i]].item<double>(), issues.quality[order[i]].item<double>());
        if (one["name"] != "ties") {
          EXPECT_EQ(issues.ranked[i], order[i]) << one["name"] << ' ' << name;
        }
      }
    }
  }
}

TEST(LabelIssues, GiveEqualQualitiesTheOrderOfTheRows) {
  const torch::Tensor labels = torch::tensor({0, 0, 1, 1, 0, 0, 1, 1}, torch::kLong);
  const torch::Tensor one = torch::tensor({0.9, 0.2, 0.1, 0.3, 0.9, 0.2, 0.1, 0.3}, torch::kDouble);
  const LabelIssues issues = find_label_issues(labels, torch::stack({one, 1 - one}, 1));
  EXPECT_EQ(issues.ranked, (std::vector<std::int64_t>{1, 5}));
}

TEST(LabelQuality, IsCleanlabsByEveryScore) {
  for (const auto& one : golden("label_issues.json")["cases"]) {
    for (const auto& [name, expected] : one["scores"].items()) {
      expect_near(label_quality(labels_of(one), probabilities_of(one), named<LabelQuality>(name)), doubles_of(expected),
                  1e-11);
    }
  }
}

TEST(LabelQuality, IsOneForCertainLabelsAndFiniteForImpossibleOnes) {
  const torch::Tensor probabilities = torch::tensor({{1.0, 0.0}, {0.0, 1.0}}, torch::kDouble);
  const torch::Tensor labels = torch::tensor({0, 0}, torch::kLong);
  const torch::Tensor margin = label_quality(labels, probabilities, LabelQuality::kNormalizedMargin);
  EXPECT_EQ(margin[0].item<double>(), 1);
  EXPECT_EQ(margin[1].item<double>(), 0);
  EXPECT_TRUE(
      label_quality(labels, probabilities, LabelQuality::kConfidenceWeightedEntropy).isfinite().all().item<bool>());
}

TEST(LabelIssues, LeaveClassesOfOneImageAlone) {
  const torch::Tensor probabilities = torch::tensor(
      {{0.9, 0.1, 0.0}, {0.8, 0.2, 0.0}, {0.7, 0.2, 0.1}, {0.1, 0.9, 0.0}, {0.2, 0.8, 0.0}}, torch::kDouble);
  const LabelIssues issues = find_label_issues(torch::tensor({0, 0, 2, 1, 1}, torch::kLong), probabilities);
  EXPECT_TRUE(issues.ranked.empty());
}

TEST(LabelIssues, AreNoneWhereEveryLabelIsThePrediction) {
  const torch::Tensor probabilities = torch::eye(4, torch::kDouble).repeat({5, 1}) * 0.6 + 0.1;
  const torch::Tensor labels = torch::arange(4, torch::kLong).repeat({5});
  for (const auto& [filter, name] : names(LabelFilter{})) {
    EXPECT_TRUE(find_label_issues(labels, probabilities, {.filter = filter}).ranked.empty()) << name;
  }
}

TEST(LabelIssues, FlagTheShareThatIsAskedFor) {
  torch::manual_seed(3);
  const torch::Tensor labels = torch::arange(300, torch::kLong).remainder(3);
  torch::Tensor truth = labels.clone();
  truth.slice(0, 0, 60) = (truth.slice(0, 0, 60) + 1).remainder(3);
  const torch::Tensor probabilities =
      (torch::one_hot(truth, 3) * 4 + torch::rand({300, 3})).to(torch::kDouble).softmax(1);
  const std::size_t all = find_label_issues(labels, probabilities).ranked.size();
  const std::size_t half = find_label_issues(labels, probabilities, {.fraction = 0.5}).ranked.size();
  EXPECT_EQ(all, 60U);
  EXPECT_EQ(half, 30U);
  EXPECT_TRUE(find_label_issues(labels, probabilities, {.fraction = 0}).ranked.empty());
}

// By hand: qualities .9, .6, .2 give ((.9 · .2 + .6 · .8) · .2 + .2 · .8).
TEST(MultiLabelIssues, AverageTheQualitiesToTheWorst) {
  const torch::Tensor labels = torch::tensor({{1, 0, 1}, {0, 1, 0}, {1, 1, 0}}, torch::kLong);
  const torch::Tensor p = torch::tensor({{0.9, 0.4, 0.2}, {0.1, 0.8, 0.3}, {0.7, 0.9, 0.2}}, torch::kDouble);
  const LabelIssues issues = find_multi_label_issues(labels, p);
  EXPECT_NEAR(issues.quality[0].item<double>(), (0.9 * 0.2 + 0.6 * 0.8) * 0.2 + 0.2 * 0.8, 1e-12);
}

TEST(MultiLabelIssues, AreTheUnionOfItsClasses) {
  torch::manual_seed(4);
  torch::Tensor truth = torch::rand({200, 4}).gt(0.5).to(torch::kLong);
  const torch::Tensor p = (truth * 0.7 + torch::rand({200, 4}) * 0.25).to(torch::kDouble);
  torch::Tensor labels = truth.clone();
  for (const std::int64_t row : {7, 8, 9}) labels[row][2] = 1 - labels[row][2];
  for (const std::int64_t row : {31, 32, 33}) labels[row][0] = 1 - labels[row][0];
  std::vector<std::int64_t> rows =
      find_multi_label_issues(labels, p, {.filter = LabelFilter::kPredictedNeqGiven}).ranked;
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, (std::vector<std::int64_t>{7, 8, 9, 31, 32, 33}));
}

TEST(LabelIssues, RefuseWhatTheyCannotJudge) {
  const torch::Tensor labels = torch::tensor({0, 1}, torch::kLong);
  const torch::Tensor p = torch::full({2, 2}, 0.5, torch::kDouble);
  EXPECT_THROW(find_label_issues(labels, torch::full({3, 2}, 0.5)), std::invalid_argument);
  EXPECT_THROW(find_label_issues(labels, torch::full({2, 1}, 1.0)), std::invalid_argument);
  EXPECT_THROW(find_label_issues(torch::empty({0}, torch::kLong), torch::empty({0, 2})), std::invalid_argument);
  EXPECT_THROW(find_label_issues(torch::tensor({0, 2}, torch::kLong), p), std::invalid_argument);
  EXPECT_THROW(find_label_issues(labels.to(torch::kFloat), p), std::invalid_argument);
  EXPECT_THROW(find_label_issues(labels, p / 0.0), std::invalid_argument);
  EXPECT_THROW(find_label_issues(labels, p - 0.6), std::invalid_argument);
  EXPECT_THROW(find_label_issues(labels, p, {.fraction = 1.5}), std::invalid_argument);
  EXPECT_THROW(find_multi_label_issues(labels, p), std::invalid_argument);
  EXPECT_THROW(find_multi_label_issues(torch::full({2, 2}, 2), p), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
