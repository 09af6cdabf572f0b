// Where activation maps are taken, and where their cells lie in the image.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/backbone.h"
#include "tests/support/test_scale.h"

namespace margay::model {
namespace {

/// A network whose map point is tested, and the side of the images.
struct MapCase {
  const char* name;
  std::int64_t side = 64;
  Arithmetic arithmetic = Arithmetic::kUsual;
};

void PrintTo(const MapCase& network, std::ostream* out) { *out << network.name << " at " << network.side; }

std::shared_ptr<Backbone> eval_backbone(const MapCase& network) {
  torch::manual_seed(11);
  const auto backbone =
      find_architecture(network.name).build({.image_px = network.side, .arithmetic = network.arithmetic});
  backbone->eval();
  const torch::NoGradGuard no_grad;
  for (const auto& each : backbone->named_parameters()) {  // branches that begin with zeros see nothing
    if (each.value().dim() == 1 && each.key().ends_with("weight")) each.value().fill_(1);
  }
  return backbone;
}

class MapPoints : public testing::TestWithParam<MapCase> {};

TEST_P(MapPoints, AreOnTheWayToTheFeatures) {
  const torch::NoGradGuard no_grad;
  const auto backbone = eval_backbone(GetParam());
  const torch::Tensor images = torch::randn({2, 3, GetParam().side, GetParam().side});
  const MapPoint point = backbone->map_point(images);
  ASSERT_EQ(point.activations.dim(), 4);
  EXPECT_GT(point.activations.size(2) * point.activations.size(3), 1) << point.activations.sizes();
  const torch::Tensor expected = backbone->forward(images);
  EXPECT_TRUE(torch::allclose(point.rest(point.activations), expected, 1e-5, 1e-6));
  EXPECT_FALSE(torch::allclose(point.rest(2 * point.activations + 1), expected, 1e-5, 1e-6)) << "rest ignores them";
}

INSTANTIATE_TEST_SUITE_P(Kinds, MapPoints,
                         testing::Values(MapCase{"resnet20"}, MapCase{"vgg16_bn"}, MapCase{"densenet121"},
                                         MapCase{"squeezenet1_1"}, MapCase{"mobilenet_v2"}, MapCase{"convnext_tiny"},
                                         MapCase{"swin_t"}, MapCase{"vit_small_patch14_dinov2", 56},
                                         MapCase{"vit_small_patch14_dinov2", 56, Arithmetic::kMeanPooled},
                                         MapCase{"vit_small_patch14_reg4_dinov2", 56}, MapCase{"linear", 8},
                                         MapCase{"simple_net", 8}));

/// The centre of gravity, along both sides, of the squared gradient of a cell of the map by the pixels: what the cell
/// looks at.
std::array<double, 2> centre_of_sight(Backbone& backbone, std::int64_t side, std::int64_t row, std::int64_t column) {
  const torch::Tensor images = torch::randn({2, 3, side, side}).requires_grad_(true);
  const torch::Tensor cell =
      backbone.map_point(images).activations.index({torch::indexing::Slice(), torch::indexing::Slice(), row, column});
  const torch::Tensor score = (cell * torch::randn_like(cell)).sum();
  const torch::Tensor weight =
      torch::autograd::grad({score}, {images})[0].square().sum(torch::IntArrayRef{0, 1}).to(torch::kDouble);
  const torch::Tensor places = torch::arange(side, torch::kDouble) + 0.5;
  const double all = weight.sum().item<double>();
  return {(weight.sum(1) * places).sum().item<double>() / all, (weight.sum(0) * places).sum().item<double>() / all};
}

class MapGrids : public testing::TestWithParam<MapCase> {};

TEST_P(MapGrids, SayWhereTheCellsLook) {
  const std::int64_t side = GetParam().side;
  const auto backbone = eval_backbone(GetParam());
  const MapGrid grid = backbone->map_grid(side);
  const std::int64_t cells = [&] {
    const torch::NoGradGuard no_grad;
    return backbone->map_point(torch::randn({1, 3, side, side})).activations.size(2);
  }();
  const std::int64_t row = cells / 2;
  const std::int64_t column = (cells - 1) / 2;
  const auto [y, x] = centre_of_sight(*backbone, side, row, column);
  const double tolerance = grid.step_px / 6;  // half a cell would be wrong
  EXPECT_NEAR(y, grid.first_px + static_cast<double>(row) * grid.step_px, tolerance);
  EXPECT_NEAR(x, grid.first_px + static_cast<double>(column) * grid.step_px, tolerance);
}

INSTANTIATE_TEST_SUITE_P(Kinds, MapGrids,
                         testing::Values(MapCase{"resnet20", 96}, MapCase{"resnet18", 224}, MapCase{"resnet18d", 224},
                                         MapCase{"vgg16_bn", 96}, MapCase{"densenet121", 160},
                                         MapCase{"squeezenet1_0", 160}, MapCase{"squeezenet1_1", 160},
                                         MapCase{"mobilenet_v2", 224}, MapCase{"mobilenet_v3_small", 224},
                                         MapCase{"mobilenet_v3_small", 224, Arithmetic::kTensorFlow},
                                         MapCase{"convnext_tiny", 96}, MapCase{"regnet_y_400mf", 224},
                                         MapCase{"linear", 8}));

}  // namespace
}  // namespace margay::model
