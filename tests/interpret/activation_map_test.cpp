#include "margay/interpret/activation_map.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/network_draws.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using model::Classifier;
using model::HeadKind;
using testing_support::thrown_message;

constexpr std::int64_t kMapClasses = 5;

/// Random weights, and batch norms whose statistics are not those of the start.
std::shared_ptr<Classifier> network_of(const std::string& architecture, const model::HeadOptions& head = {},
                                       std::int64_t px = 64) {
  torch::manual_seed(3);
  auto classifier =
      model::make_classifier({.architecture = architecture, .num_classes = kMapClasses, .image_px = px, .head = head});
  const torch::NoGradGuard no_grad;
  for (const auto& buffer : classifier->named_buffers()) {
    if (buffer.key().ends_with("running_mean")) buffer.value().normal_(0, 0.1);
    if (buffer.key().ends_with("running_var")) buffer.value().uniform_(0.7, 1.3);
  }
  classifier->eval();
  return classifier;
}

torch::Tensor images_of(std::int64_t count, std::int64_t px = 64) {
  torch::manual_seed(4);
  return torch::randn({count, 3, px, px});
}

torch::Tensor logits_of_classes(const ActivationMaps& maps) { return maps.logits.gather(1, maps.classes); }

void expect_mean_and_bias_are_the_logit(const ActivationMaps& maps, const std::string& name) {
  EXPECT_EQ(maps.method, MapMethod::kCam) << name;
  ASSERT_TRUE(maps.bias.defined()) << name;
  const torch::Tensor sum = maps.values.mean({2, 3}) + maps.bias;
  const torch::Tensor logits = logits_of_classes(maps);
  const double scale = std::max(1.0, logits.abs().max().item<double>());
  EXPECT_LT((sum - logits).abs().max().item<double>(), 1e-4 * scale) << name;
  EXPECT_GT(maps.values.std().item<double>(), 1e-6) << name << ": an empty map";
}

/// Every class of every image.
torch::Tensor all_classes(std::int64_t images) { return torch::arange(kMapClasses).unsqueeze(0).expand({images, -1}); }

/// One network of each kind; at full scale (tools/nightly) every one of the table.
std::vector<std::string> mapped_architectures() {
  if (testing_support::scaled(0, 1) == 0) {
    return {"resnet20",           "resnet18d",       "resnext50_32x4d", "densenet121", "squeezenet1_1",
            "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny",   "swin_t"};
  }
  std::vector<std::string> names;
  for (const auto& each : model::architectures()) names.push_back(each.name);
  return names;
}

std::int64_t map_test_px(const std::string& name) { return name.find("dinov2") == std::string::npos ? 64 : 56; }

TEST(ActivationMaps, AndTheBiasAreTheLogitBehindALinearHead) {
  for (const std::string& name : mapped_architectures()) {
    const std::int64_t px = map_test_px(name);
    const auto network = network_of(name, {.kind = HeadKind::kLinear}, px);
    if (network->backbone().layout() != model::FeatureLayout::kMap) continue;
    expect_mean_and_bias_are_the_logit(activation_maps(*network, images_of(2, px), {.classes = all_classes(2)}), name);
  }
}

TEST(ActivationMaps, AndTheBiasAreTheLogitOfPublishedHeadsThatOnlyPool) {
  for (const std::string name : {"resnet20", "densenet121", "squeezenet1_0", "efficientnet_b0", "swin_t"}) {
    const auto network = network_of(name, {.kind = HeadKind::kPublished});
    expect_mean_and_bias_are_the_logit(activation_maps(*network, images_of(2), {.classes = all_classes(2)}), name);
  }
}

/// Means alone and no hidden layer: a batch norm is affine, so fastai's head is too.
TEST(ActivationMaps, GoThroughTheBatchNormsOfAHead) {
  const auto network = network_of("resnet20", {.hidden = {0}, .concat_pool = false, .bn_final = true});
  expect_mean_and_bias_are_the_logit(activation_maps(*network, images_of(3), {.classes = all_classes(3)}), "fastai");
}

/// Maxima are linear in the activations at their places, so HiResCAM misses nothing of a head without hidden layers.
TEST(ActivationMaps, FindTheMaximaThatAHeadPools) {
  const torch::NoGradGuard no_grad;
  const auto network = network_of("resnet20", {.hidden = {0}});
  const torch::Tensor images = images_of(2);
  const ActivationMaps maps = activation_maps(*network, images, {.classes = all_classes(2)});
  EXPECT_EQ(maps.method, MapMethod::kHiResCam);
  EXPECT_FALSE(maps.bias.defined());
  const torch::Tensor of_nothing = network->classify(torch::zeros_like(network->extract(images)));
  const torch::Tensor sum = maps.values.mean({2, 3}) + of_nothing;
  EXPECT_TRUE(torch::allclose(sum, maps.logits, 1e-4, 1e-4)) << sum << maps.logits;
}

TEST(ActivationMaps, AreTheSameBothWaysWhereBothAreExact) {
  const auto network = network_of("resnet20", {.kind = HeadKind::kPublished});
  const torch::Tensor images = images_of(2);
  const torch::Tensor cam = activation_maps(*network, images).values;
  for (const MapMethod method : {MapMethod::kHiResCam, MapMethod::kGradCam}) {
    const torch::Tensor other = activation_maps(*network, images, {.method = method}).values;
    EXPECT_TRUE(torch::allclose(cam, other, 1e-3, 1e-3)) << core::to_text(method);
  }
}

/// Selvaraju et al., equations 1 and 2, by finite differences of the logit.
TEST(ActivationMaps, OfGradCamWeighChannelsByTheirMeanGradient) {
  const torch::NoGradGuard no_grad;
  const auto network = network_of("resnet20");
  network->to(torch::kDouble);
  const torch::Tensor images = images_of(1, 32).to(torch::kDouble);
  const ActivationMaps maps =
      activation_maps(*network, images, {.classes = torch::tensor({2}), .method = MapMethod::kGradCam});
  const torch::Tensor features = network->extract(images);  // [1,64,4,4]
  const auto logit = [&](const torch::Tensor& x) { return network->classify(x)[0][2].item<double>(); };
  constexpr double kStep = 1e-6;
  torch::Tensor expected = torch::zeros({4, 4}, torch::kDouble);
  for (std::int64_t d = 0; d < features.size(1); ++d) {
    double gradient = 0;
    for (std::int64_t place = 0; place < 16; ++place) {
      torch::Tensor moved = features.clone();
      moved[0][d][place / 4][place % 4] += kStep;
      gradient += (logit(moved) - logit(features)) / kStep;
    }
    expected += gradient * features[0][d];
  }
  EXPECT_TRUE(torch::allclose(maps.values[0][0].to(torch::kDouble), expected, 1e-3, 1e-3))
      << maps.values[0][0] << expected;
}

TEST(ActivationMaps, OfABatchAreThoseOfItsImages) {
  for (const auto& head : {model::HeadOptions{}, model::HeadOptions{.kind = HeadKind::kLinear}}) {
    const auto network = network_of("resnet20", head);
    const torch::Tensor images = images_of(3);
    const torch::Tensor classes = torch::tensor({{0, 4}, {1, 1}, {3, 2}});
    const ActivationMaps all = activation_maps(*network, images, {.classes = classes});
    for (std::int64_t i = 0; i < 3; ++i) {
      const ActivationMaps one =
          activation_maps(*network, images.slice(0, i, i + 1), {.classes = classes.slice(0, i, i + 1)});
      EXPECT_TRUE(torch::allclose(all.values[i], one.values[0], 1e-4, 1e-5));
    }
  }
}

TEST(ActivationMaps, AreOfThePredictedClassUnlessToldOtherwise) {
  const auto network = network_of("resnet20");
  const torch::Tensor images = images_of(4);
  const ActivationMaps maps = activation_maps(*network, images);
  EXPECT_TRUE(torch::equal(maps.classes, maps.logits.argmax(1, true)));
  const ActivationMaps next = activation_maps(
      *network, images, {.choose = [](const torch::Tensor& best) { return (best + 1).remainder(kMapClasses); }});
  EXPECT_TRUE(torch::equal(next.classes, (maps.classes + 1).remainder(kMapClasses)));
  EXPECT_FALSE(torch::allclose(next.values, maps.values));
}

TEST(ActivationMaps, LeaveTheNetworkAsItIs) {
  const torch::NoGradGuard no_grad;  // as in a loop that predicts
  const auto network = network_of("resnet20");
  const auto before = network->state();
  std::vector<torch::Tensor> copies;
  for (const auto& each : before) copies.push_back(each.second.clone());
  const ActivationMaps maps = activation_maps(*network, images_of(2));
  EXPECT_FALSE(maps.values.requires_grad());
  EXPECT_FALSE(torch::GradMode::is_enabled());
  std::size_t i = 0;
  for (const auto& each : network->state()) EXPECT_TRUE(torch::equal(each.second, copies[i++])) << each.first;
  for (const torch::Tensor& each : network->parameters()) EXPECT_FALSE(each.grad().defined());
}

TEST(ActivationMaps, SurviveFoldedBatchNorms) {
  for (const std::string name : {"resnet20", "densenet121", "mobilenet_v3_small"}) {
    const auto network = network_of(name);
    const torch::Tensor expected = activation_maps(*network, images_of(2)).values;
    model::fold_batch_norms(*network);
    network->eval();
    const torch::Tensor folded = activation_maps(*network, images_of(2)).values;
    EXPECT_LT((folded - expected).abs().max().item<double>(), 1e-3 * expected.abs().max().item<double>()) << name;
  }
}

/// A maximum may move to a neighbour that is as large in bfloat16, so HiResCAM is compared as a whole.
TEST(ActivationMaps, OfHalfPrecisionAreNearThoseOfFloat) {
  for (const auto& head : {model::HeadOptions{}, model::HeadOptions{.kind = HeadKind::kLinear}}) {
    const auto network = network_of("resnet20", head);
    ActivationMapOptions options{.classes = torch::tensor({1, 2})};
    const torch::Tensor expected = activation_maps(*network, images_of(2), options).values;
    model::store_weights_in(*network, model::Precision::kBf16);
    options.precision = model::Precision::kBf16;
    const torch::Tensor half = activation_maps(*network, images_of(2), options).values;
    EXPECT_EQ(half.scalar_type(), torch::kFloat);
    const double agreement = (half * expected).sum().item<double>() /
                             (half.norm() * expected.norm()).item<double>();  // the cosine of their angle
    EXPECT_GT(agreement, head.kind == HeadKind::kLinear ? 0.999 : 0.9);
  }
}

TEST(ActivationMaps, OfVisionTransformersShowTheirPatches) {
  const auto network = network_of("vit_small_patch14_dinov2", {.kind = HeadKind::kPublished}, 56);
  const ActivationMaps maps = activation_maps(*network, images_of(2, 56));
  EXPECT_EQ(maps.method, MapMethod::kGradCam);
  EXPECT_EQ(maps.values.sizes(), (std::vector<std::int64_t>{2, 1, 4, 4}));
  EXPECT_GT(maps.values.std().item<double>(), 0);
  EXPECT_EQ(maps.rows.first_px, 7);
}

/// Weight times pixel is all that a linear classifier of pixels adds up.
TEST(ActivationMaps, OfALinearNetworkAreItsWeightsTimesThePixels) {
  const auto network = network_of("linear", {.kind = HeadKind::kPublished}, 8);
  const torch::Tensor images = images_of(1, 8);
  const ActivationMaps maps = activation_maps(*network, images, {.classes = torch::tensor({1})});
  const torch::Tensor weight = network->head()->named_parameters()["0.weight"][1].view({3, 8, 8});
  EXPECT_TRUE(torch::allclose(maps.values[0][0], 64 * (weight * images[0]).sum(0), 1e-4, 1e-4));
}

TEST(ActivationMaps, RefuseWhatHasNoMap) {
  const auto network = network_of("resnet20");
  const auto message = [&](const torch::Tensor& images, const ActivationMapOptions& options) {
    return thrown_message<std::invalid_argument>([&] { activation_maps(*network, images, options); });
  };
  EXPECT_NE(message(images_of(1), {.classes = torch::tensor({5})}).find("[0, 5)"), std::string::npos);
  EXPECT_NE(message(images_of(1), {.classes = torch::tensor({-1})}).find("[0, 5)"), std::string::npos);
  EXPECT_NE(message(images_of(2), {.classes = torch::tensor({1})}).find("[2,M]"), std::string::npos);
  EXPECT_NE(message(images_of(1), {.classes = torch::tensor({1.0})}).find("integers"), std::string::npos);
  EXPECT_NE(message(torch::randn({3, 64, 64}), {}).find("float [N,3,H,W]"), std::string::npos);
  EXPECT_NE(message(torch::randn({0, 3, 64, 64}), {}).find("N > 0"), std::string::npos);
  EXPECT_NE(message(images_of(1), {.method = MapMethod::kCam}).find("no cam map"), std::string::npos);
  network->train();
  EXPECT_NE(message(images_of(1), {}).find("eval mode"), std::string::npos);
}

TEST(ActivationMaps, RefuseActivationsThatAreNotFinite) {
  const auto network = network_of("resnet20");
  torch::Tensor images = images_of(2);
  images[1][0][3][3] = std::numeric_limits<float>::quiet_NaN();
  const std::string message = thrown_message<core::Error>([&] { activation_maps(*network, images); });
  EXPECT_NE(message.find("image 1 of the batch"), std::string::npos) << message;
}

TEST(ActivationMaps, OfASingleClassExist) {
  const auto network = model::make_classifier({.architecture = "resnet20", .num_classes = 1});
  network->eval();
  const ActivationMaps maps = activation_maps(*network, images_of(1));
  EXPECT_EQ(maps.classes.item<std::int64_t>(), 0);
  EXPECT_EQ(maps.values.sizes(), (std::vector<std::int64_t>{1, 1, 8, 8}));
}

/// The rows of the table in docs/guide/activation_maps.md: family, then its method with each head, then the layer.
std::map<std::string, std::vector<std::string>> documented_methods() {
  std::ifstream page(std::string(MARGAY_SOURCE_DIR) + "/docs/guide/activation_maps.md");
  std::map<std::string, std::vector<std::string>> rows;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ")) continue;
    std::vector<std::string> cells;
    std::istringstream parts(line.substr(2));
    for (std::string cell; std::getline(parts, cell, '|');) {
      cell.erase(cell.find_last_not_of(' ') + 1);
      cell.erase(0, cell.find_first_not_of(' '));
      cells.push_back(cell);
    }
    if (cells.size() == 5) rows[cells.front()] = {cells.begin() + 1, cells.end()};
  }
  return rows;
}

std::string documented_name(MapMethod method) {
  if (method == MapMethod::kCam) return "CAM";
  return method == MapMethod::kGradCam ? "Grad-CAM" : "HiResCAM";
}

TEST(MapMethods, OfEveryNetworkAndHeadAreThoseOfTheGuide) {
  const model::WithoutDraws quickly;
  const auto documented = documented_methods();
  for (const auto& each : model::architectures()) {
    const auto row = documented.find(each.family);
    ASSERT_NE(row, documented.end()) << each.name << ": the table has no row for " << each.family;
    const auto backbone = each.build({.image_px = each.input_px});
    std::size_t column = 0;
    for (const HeadKind kind : {HeadKind::kPublished, HeadKind::kLinear, HeadKind::kFastai}) {
      const MapMethod method = map_method(*backbone, model::make_head(*backbone, kMapClasses, {.kind = kind}));
      EXPECT_EQ(documented_name(method), row->second[column++]) << each.name << ' ' << core::to_text(kind);
    }
    const std::string point = backbone->map_point_name();
    EXPECT_TRUE(row->second[3].starts_with(point) || point.starts_with("blocks.")) << each.name << ": " << point;
  }
}

TEST(MapAtPixels, IsTheCellAtItsCentreAndLinearBetweenTwo) {
  const torch::Tensor values = torch::tensor({{0.0F, 4.0F}});
  // Centres at the columns 2.5 and 6.5, so of the pixels 2 and 6.
  const torch::Tensor pixels = map_at_pixels(values, {2.0, 4.0}, {2.5, 4.0}, 3, 9);
  const torch::Tensor expected = torch::tensor({0.0F, 0.0F, 0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 4.0F, 4.0F});
  for (int row = 0; row < 3; ++row) EXPECT_TRUE(torch::allclose(pixels[row], expected)) << pixels;
}

TEST(MapPeaks, AreThePixelAtTheCentreOfTheLargestCell) {
  const torch::Tensor values = torch::tensor({{-3.0F, -1.0F}, {-2.0F, -1.0F}});
  const MapPeak peak = map_peak(values, {0.5, 32}, {16, 32}, 64, 64);
  EXPECT_EQ(peak.row, 0);
  EXPECT_EQ(peak.column, 48);
  EXPECT_EQ(peak.value, -1);
  EXPECT_EQ(map_peak(values, {0.5, 32}, {80, 32}, 64, 64).column, 63) << "beyond the image";
}

}  // namespace
}  // namespace margay::interpret
