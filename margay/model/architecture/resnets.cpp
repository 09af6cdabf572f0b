#include <memory>
#include <utility>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/resnet.h"

namespace margay::model {
namespace {

using ResNetBlock = ResNetShape::Block;
using ResNetStem = ResNetShape::Stem;

/// What rows of one shape differ in.
struct ResNetRow {
  const char* name;
  ResNetBlock block;
  std::vector<std::int64_t> blocks;
  std::int64_t parameters;
  double gigamacs;
  double top1;
};

Architecture resnet(const ResNetRow& row) {
  const ResNetShape shape{.block = row.block, .blocks = row.blocks};
  return {.name = row.name,
          .family = "ResNet",
          .paper = "He et al. 2015, arXiv:1512.03385",
          .build = [shape](const BackboneOptions& options) { return std::make_shared<ResNet>(shape, options); },
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .top1 = row.top1,
          .weights_name = kTorchvisionV1,
          .weights_url = timm_weights_url(std::string(row.name) + ".tv_in1k"),
          .oracle = kTorchvisionOracle,
          .arithmetics = {Arithmetic::kCaffe}};
}

/// The 20-layer network for small images (He et al. 2015, section 4.2): stages of 16, 32, 64 channels. Ours halves
/// the image in the stem too, for 64-96 instead of 32 pixels, and projects its shortcuts.
Architecture resnet20() {
  const ResNetShape shape{.stem = ResNetStem::kSmall, .blocks = {3, 3, 3}, .width = 16, .early_stages = 1};
  return {.name = "resnet20",
          .family = "ResNet",
          .paper = "He et al. 2015, arXiv:1512.03385",
          .build = [shape](const BackboneOptions& options) { return std::make_shared<ResNet>(shape, options); },
          .classes = 10,
          .parameters = 272'474,
          .gigamacs = 0.0411,
          .input_px = 64};
}

}  // namespace

std::vector<Architecture> resnets() {
  // Accuracies: torchvision 0.14's documentation.
  return {resnet({"resnet18", ResNetBlock::kBasic, {2, 2, 2, 2}, 11'689'512, 1.814, 69.758}),
          resnet({"resnet34", ResNetBlock::kBasic, {3, 4, 6, 3}, 21'797'672, 3.664, 73.314}),
          resnet({"resnet50", ResNetBlock::kBottleneck, {3, 4, 6, 3}, 25'557'032, 4.089, 76.130}),
          resnet({"resnet101", ResNetBlock::kBottleneck, {3, 4, 23, 3}, 44'549'160, 7.801, 77.374}),
          resnet({"resnet152", ResNetBlock::kBottleneck, {3, 8, 36, 3}, 60'192'808, 11.514, 78.312}),
          resnet20()};
}

namespace {

using ResNetDBlock = ResNetShape::Block;

/// What rows of one shape differ in.
struct ResNetDRow {
  const char* name;
  ResNetDBlock block;
  std::vector<std::int64_t> blocks;
  std::int64_t parameters;
  double gigamacs;
  int input_px;
  double crop_share;
  double top1;
};

Architecture resnet_d(const ResNetDRow& row) {
  const ResNetShape shape{.block = row.block,
                          .stem = ResNetShape::Stem::kDeep,
                          .blocks = row.blocks,
                          .shortcut = Shortcut::kPooled,
                          .start = ResNetShape::Start::kShortcut};
  return {.name = row.name,
          .family = "ResNet-D",
          .paper = "He et al. 2018, arXiv:1812.01187",
          .build = [shape](const BackboneOptions& options) { return std::make_shared<ResNet>(shape, options); },
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .input_px = row.input_px,
          .resize = PublishedResize::kBicubic,
          .crop_share = row.crop_share,
          .top1 = row.top1,
          .weights_name = "timm ra2_in1k",
          .weights_url = timm_weights_url(std::string(row.name) + ".ra2_in1k"),
          .oracle = kTorchvisionLayersOracle};
}

}  // namespace

std::vector<Architecture> resnet_ds() {
  // Sizes and accuracies: timm's results-imagenet.csv, where they are judged on larger images than they learnt from.
  return {resnet_d({"resnet18d", ResNetDBlock::kBasic, {2, 2, 2, 2}, 11'708'744, 3.395, 288, 0.95, 73.794}),
          resnet_d({"resnet34d", ResNetDBlock::kBasic, {3, 4, 6, 3}, 21'816'904, 6.452, 288, 0.95, 78.436}),
          resnet_d({"resnet50d", ResNetDBlock::kBottleneck, {3, 4, 6, 3}, 25'576'264, 7.154, 288, 0.95, 81.356}),
          resnet_d({"resnet101d", ResNetDBlock::kBottleneck, {3, 4, 23, 3}, 44'568'392, 16.408, 320, 1.0, 83.016})};
}

namespace {

/// What rows of one shape differ in.
struct ResNextRow {
  const char* name;
  std::vector<std::int64_t> blocks;
  std::int64_t groups;
  std::int64_t group_width;
  std::int64_t parameters;
  double gigamacs;
  double top1;
};

Architecture grouped_resnet(const ResNextRow& row, const char* family, const char* paper) {
  const ResNetShape shape{.block = ResNetShape::Block::kBottleneck,
                          .blocks = row.blocks,
                          .groups = row.groups,
                          .group_width = row.group_width};
  return {.name = row.name,
          .family = family,
          .paper = paper,
          .build = [shape](const BackboneOptions& options) { return std::make_shared<ResNet>(shape, options); },
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .top1 = row.top1,
          .weights_name = kTorchvisionV1,
          .weights_url = timm_weights_url(std::string(row.name) + ".tv_in1k"),
          .oracle = kTorchvisionOracle,
          .arithmetics = {Arithmetic::kCaffe}};
}

Architecture resnext(const ResNextRow& row) {
  return grouped_resnet(row, "ResNeXt", "Xie et al. 2016, arXiv:1611.05431");
}

Architecture wide_resnet(const ResNextRow& row) {
  return grouped_resnet(row, "Wide ResNet", "Zagoruyko and Komodakis 2016, arXiv:1605.07146");
}

}  // namespace

std::vector<Architecture> resnexts() {
  Architecture largest = resnext({"resnext101_64x4d", {3, 4, 23, 3}, 64, 4, 83'455'272, 15.460, 83.246});
  largest.crop_share = 224.0 / 232;
  return {resnext({"resnext50_32x4d", {3, 4, 6, 3}, 32, 4, 25'028'904, 4.230, 77.618}),
          resnext({"resnext101_32x8d", {3, 4, 23, 3}, 32, 8, 88'791'336, 16.414, 79.312}), largest};
}

std::vector<Architecture> wide_resnets() {
  return {wide_resnet({"wide_resnet50_2", {3, 4, 6, 3}, 1, 128, 68'883'240, 11.398, 78.468}),
          wide_resnet({"wide_resnet101_2", {3, 4, 23, 3}, 1, 128, 126'886'696, 22.753, 78.848})};
}

}  // namespace margay::model
