#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/metric/metric.h"
#include "tests/support/golden.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/thrown_message.h"

namespace margay::metric {
namespace {

using testing_support::thrown_message;

TEST(Accuracy, CountsRowsWhoseLargestLogitIsTheTarget) {
  const auto logits = torch::tensor({{1.0, 2.0, 0.0}, {3.0, 2.0, 0.0}, {0.0, 0.0, 5.0}, {9.0, 1.0, 2.0}});
  const auto targets = torch::tensor({1, 0, 2, 2}, torch::kLong);
  EXPECT_DOUBLE_EQ(accuracy(logits, targets), 0.75);
  EXPECT_DOUBLE_EQ(error_rate(logits, targets), 0.25);
}

TEST(Accuracy, WeighsImagesNotBatches) {
  ErrorRate metric;
  metric.update(torch::tensor({{1.0, 0.0}, {1.0, 0.0}, {1.0, 0.0}}), torch::tensor({0, 0, 0}, torch::kLong));
  metric.update(torch::tensor({{1.0, 0.0}}), torch::tensor({1}, torch::kLong));
  EXPECT_DOUBLE_EQ(metric.value(), 0.25);
  metric.reset();
  EXPECT_TRUE(std::isnan(metric.value()));
}

TEST(Accuracy, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(accuracy(torch::zeros({2, 3}), torch::zeros({3}, torch::kLong)), std::invalid_argument);
}

using testing_support::golden;

TEST(MultiLabel, CountsYesAndNoForEachClass) {
  MultiLabelCounts counts;
  const auto logits = torch::tensor({{2.0, -1.0}, {2.0, 3.0}, {-1.0, -1.0}});
  counts.add(logits, torch::tensor({{1.0, 0.0}, {1.0, 0.0}, {0.0, 1.0}}), 0.5);
  EXPECT_DOUBLE_EQ(counts.accuracy(), 4.0 / 6);
  EXPECT_DOUBLE_EQ(counts.exact_match(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(counts.f1_macro(), (1.0 + 0.0) / 2);
}

TEST(MultiLabel, AgreesWithFastaisMetrics) {
  MARGAY_REQUIRE_GOLDEN("metrics.json");
  const auto multi = golden("metrics.json")["multi"];
  const auto logits = testing_support::tensor_of(multi["logits"]);
  const auto targets = testing_support::tensor_of(multi["targs"]);
  MultiLabelAccuracy half;
  MultiLabelAccuracy fifth(0.2);
  MultiLabelF1 f1;
  for (std::int64_t begin = 0; begin < logits.size(0); begin += 16) {  // in batches, the last one smaller
    for (MultiLabelAccuracy* metric : {&half, &fifth, static_cast<MultiLabelAccuracy*>(&f1)}) {
      metric->update(logits.slice(0, begin, begin + 16), targets.slice(0, begin, begin + 16));
    }
  }
  EXPECT_NEAR(half.value(), multi["accuracy_multi"].get<double>(), 1e-6);
  EXPECT_NEAR(fifth.value(), multi["accuracy_multi_t2"].get<double>(), 1e-6);
  EXPECT_NEAR(f1.value(), multi["F1ScoreMulti_macro"].get<double>(), 1e-6);
}

TEST(MultiLabel, HasNoValueBeforeTheFirstImage) {
  EXPECT_TRUE(std::isnan(MultiLabelAccuracy().value()));
  EXPECT_TRUE(std::isnan(MultiLabelF1().value()));
  EXPECT_TRUE(std::isnan(MultiLabelCounts().exact_match()));
}

TEST(MultiLabel, RefusesShapesThatDoNotFit) {
  MultiLabelCounts counts;
  EXPECT_THROW(counts.add(torch::zeros({2, 3}), torch::zeros({2}), 0.5), std::invalid_argument);
}

TEST(MetricByName, GivesEachOfThoseThatAreNamed) {
  for (const TargetKind targets : {TargetKind::kOneClass, TargetKind::kAnyClasses}) {
    const std::vector<std::string> names = metric_names(targets);
    EXPECT_EQ(names.size(), 2U);
    for (const std::string& name : names) EXPECT_EQ(metric_by_name(name)->name(), name);
  }
  const auto metric = metric_by_name("error_rate");
  metric->update(torch::tensor({{1.0, 2.0}, {3.0, 2.0}}), torch::tensor({1, 1}, torch::kLong));
  EXPECT_DOUBLE_EQ(metric->value(), 0.5);
  EXPECT_TRUE(std::isnan(metric_by_name("error_rate")->value())) << "every call makes a new one";
}

TEST(MetricByName, SaysWhichThereAre) {
  EXPECT_EQ(thrown_message<std::invalid_argument>([] { metric_by_name("acuracy"); }),
            "[metric] there is no 'acuracy' among accuracy, error_rate, accuracy_multi, f1_multi; did you mean "
            "'accuracy'?");
}

TEST(Probabilities, SumToOneOverTheClassesOnlyWithSoftmax) {
  const torch::Tensor logits = torch::tensor({{std::log(3.0), 0.0}}, torch::kDouble);
  EXPECT_TRUE(probabilities(logits, Activation::kSoftmax).allclose(torch::tensor({{0.75, 0.25}}, torch::kDouble)));
  EXPECT_TRUE(probabilities(logits, Activation::kSigmoid).allclose(torch::tensor({{0.75, 0.5}}, torch::kDouble)));
}

TEST(ImageLosses, AreMinusTheLogarithmOfTheTargetsProbability) {
  const torch::Tensor logits = torch::tensor({{std::log(3.0), 0.0}, {std::log(3.0), 0.0}, {0.0, 0.0}}, torch::kDouble);
  const torch::Tensor losses = image_losses(logits, torch::tensor({0, 1, -100}, torch::kLong), Activation::kSoftmax);
  EXPECT_TRUE(losses.allclose(torch::tensor({-std::log(0.75), -std::log(0.25), 0.0}, torch::kDouble)));
}

TEST(ImageLosses, AreTheMeanOverTheClassesWithSigmoids) {
  const torch::Tensor logits = torch::tensor({{std::log(3.0), 0.0}}, torch::kDouble);
  const torch::Tensor losses = image_losses(logits, torch::tensor({{0.0, 1.0}}, torch::kDouble), Activation::kSigmoid);
  EXPECT_NEAR(losses.item<double>(), (-std::log(0.25) - std::log(0.5)) / 2, 1e-12);
}

TEST(ImageLosses, RefuseTargetsThatAreNoClass) {
  EXPECT_THROW(image_losses(torch::zeros({1, 2}), torch::tensor({2}, torch::kLong), Activation::kSoftmax),
               std::invalid_argument);
}

TEST(Probabilities, OfALabelDoNotDependOnItsPlace) {
  const torch::Tensor logits = torch::linspace(-9, 9, 257).reshape({1, 257});
  const torch::Tensor all = probabilities(logits, Activation::kSigmoid);
  for (std::int64_t k = 0; k < 257; ++k) {
    EXPECT_TRUE(probabilities(logits.slice(1, k, k + 1), Activation::kSigmoid).equal(all.slice(1, k, k + 1))) << k;
  }
  EXPECT_TRUE(all.allclose(logits.sigmoid(), 1e-6, 1e-7));
}

}  // namespace

}  // namespace margay::metric
