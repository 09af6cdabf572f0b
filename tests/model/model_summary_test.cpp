#include "margay/model/model_summary.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"

namespace margay::model {
namespace {

using Shape = std::vector<std::int64_t>;

std::shared_ptr<Classifier> small_network() { return make_classifier({.architecture = "resnet20", .num_classes = 3}); }

const SummaryRow& row_of(const ModelSummary& summary, const std::string& layer) {
  const auto found =
      std::find_if(summary.rows.begin(), summary.rows.end(), [&](const SummaryRow& row) { return row.layer == layer; });
  if (found == summary.rows.end()) throw std::out_of_range(layer);
  return *found;
}

std::int64_t parameters_of_rows(const ModelSummary& summary) {
  std::int64_t count = 0;
  for (const SummaryRow& row : summary.rows) count += row.parameters;
  return count;
}

TEST(ModelSummary, HasTheLayersWithTheirShapes) {
  const ModelSummary summary = summarise(*small_network(), {.batch_size = 5, .image_px = 32});
  const SummaryRow& first = summary.rows.front();
  EXPECT_EQ(first.layer, "backbone.conv1");
  EXPECT_EQ(first.kind, "Conv2d");
  EXPECT_EQ(first.group, "body-early");
  EXPECT_EQ(first.output, (Shape{5, 16, 16, 16}));
  EXPECT_EQ(first.parameters, 16 * 3 * 9);
  EXPECT_EQ(first.macs, 5 * 16 * 16 * 16 * 27);
  EXPECT_EQ(first.activation_bytes, 5 * 16 * 16 * 16 * 4);
  EXPECT_EQ(row_of(summary, "backbone.layer3.0.downsample.1").kind, "BatchNorm2d");
  EXPECT_EQ(summary.rows.back().layer, "head.8");
  EXPECT_EQ(summary.rows.back().kind, "Linear");
  EXPECT_EQ(summary.rows.back().group, "head");
  EXPECT_EQ(summary.rows.back().output, (Shape{5, 3}));
}

TEST(ModelSummary, ShowsStepsWithoutParametersByTheirOperator) {
  const ModelSummary summary = summarise(*small_network(), {.batch_size = 2, .image_px = 32});
  const auto find = [&](const char* kind) {
    return std::find_if(summary.rows.begin(), summary.rows.end(),
                        [&](const SummaryRow& row) { return row.layer.empty() && row.kind == kind; });
  };
  for (const char* kind : {"adaptive_max_pool2d", "cat", "dropout", "relu"}) {
    EXPECT_NE(find(kind), summary.rows.end()) << kind;
  }
  EXPECT_EQ(find("relu")->activation_bytes, 0);  // the head's, in place
  EXPECT_EQ(find("flatten"), summary.rows.end());
}

/// Which outside training writes over the convolution's result.
TEST(ModelSummary, CountsBatchNormsAsTheyAreInTraining) {
  const ModelSummary summary = summarise(*small_network(), {.batch_size = 2, .image_px = 32});
  EXPECT_EQ(row_of(summary, "backbone.bn1").activation_bytes, 2 * 16 * 16 * 16 * 4);
}

TEST(ModelSummary, CountsEveryParameterOnce) {
  const auto network = small_network();
  std::int64_t parameters = 0;
  for (const torch::Tensor& each : network->parameters()) parameters += each.numel();
  const ModelSummary summary = summarise(*network, {.image_px = 32});
  EXPECT_EQ(summary.parameters(), parameters);
  EXPECT_EQ(parameters_of_rows(summary), parameters);
  EXPECT_EQ(summary.groups.size(), 3U);
}

TEST(ModelSummary, SaysWhatTrains) {
  const auto network = small_network();
  network->freeze();
  const ModelSummary summary = summarise(*network, {.image_px = 32});
  EXPECT_EQ(row_of(summary, "backbone.conv1").trainable_parameters, 0);
  EXPECT_EQ(row_of(summary, "backbone.bn1").trainable_parameters, 32);
  EXPECT_EQ(summary.groups.back().trainable_parameters, summary.groups.back().parameters);
  EXPECT_LT(summary.trainable_parameters(), summary.parameters());
}

/// The batch is estimated from one and two images; here it is run.
TEST(ModelSummary, GrowsEvenlyWithTheBatch) {
  const auto network = small_network();
  const ModelSummary one = summarise(*network, {.batch_size = 1, .image_px = 40});
  const ModelSummary seven = summarise(*network, {.batch_size = 7, .image_px = 40});
  ASSERT_EQ(one.rows.size(), seven.rows.size());
  EXPECT_EQ(seven.macs_per_image(), one.macs_per_image());
  EXPECT_EQ(seven.activation_bytes(), 7 * one.activation_bytes());
}

TEST(ModelSummary, LeavesTheNetworkAsItWas) {
  const auto network = small_network();
  TensorMap before;
  for (const auto& [name, tensor] : network->state()) before[name] = tensor.clone();
  network->head()->eval();
  summarise(*network, {.image_px = 32});
  for (const auto& [name, tensor] : network->state()) EXPECT_TRUE(tensor.equal(before.at(name))) << name;
  EXPECT_TRUE(network->is_training());
  EXPECT_FALSE(network->head()->is_training());
}

TEST(ModelSummary, TakesTheNetworksOwnSizeOfImages) {
  const ModelSummary summary = summarise(*small_network(), {.batch_size = 1});
  EXPECT_EQ(summary.image_px, 64);
  EXPECT_THROW(summarise(*small_network(), {.batch_size = 0}), std::invalid_argument);
}

/// The smallest network of each family, where that takes no time.
std::vector<const Architecture*> quick_networks() {
  constexpr double kQuickGigamacs = 2;
  std::vector<const Architecture*> quick;
  for (const Architecture& each : architectures()) {
    if (each.gigamacs > kQuickGigamacs || each.classes == 0) continue;
    const auto found = std::find_if(quick.begin(), quick.end(),
                                    [&](const Architecture* other) { return other->family == each.family; });
    if (found == quick.end()) {
      quick.push_back(&each);
    } else if (each.gigamacs < (*found)->gigamacs) {
      *found = &each;
    }
  }
  return quick;
}

TEST(ModelSummary, CountsTheMultiplyAddsThatTheTableClaims) {
  constexpr double kTolerance = 0.01;
  std::vector<const Architecture*> networks = quick_networks();
  networks.push_back(&find_architecture("resnet18"));
  for (const Architecture* each : networks) {
    const auto network = make_classifier({.architecture = each->name,
                                          .num_classes = each->classes,
                                          .image_px = each->input_px,
                                          .head = {.kind = HeadKind::kPublished}});
    const ModelSummary summary = summarise(*network, {.batch_size = 1});
    EXPECT_NEAR(static_cast<double>(summary.macs_per_image()) / 1e9 / each->gigamacs, 1, kTolerance) << each->name;
    EXPECT_EQ(summary.parameters(), each->parameters) << each->name;
    EXPECT_EQ(parameters_of_rows(summary), each->parameters) << each->name;
  }
}

}  // namespace
}  // namespace margay::model
