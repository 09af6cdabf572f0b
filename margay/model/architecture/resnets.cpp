#include <utility>

#include <fmt/format.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/regnet.h"
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
          .build = maker_of<ResNet>(shape),
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
          .build = maker_of<ResNet>(shape),
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
          .build = maker_of<ResNet>(shape),
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
          .build = maker_of<ResNet>(shape),
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

namespace {

/// timm's names of torchvision's RegNets. It counts blocks from 1.
Naming timm_regnet_naming(const RegNetShape& shape) {
  std::vector<NameRule> rules;
  append_rules(rules, {.timm = "stem\\.", .ours = "stem.", .modules = {{"conv", "0"}, {"bn", "1"}}});
  append_rules(rules, {.timm = "head\\.", .ours = "", .modules = {{"fc", "fc"}}});
  int number = 0;
  for (const RegNetStage& stage : regnet_stages(shape)) {
    ++number;
    for (std::int64_t i = 0; i < stage.blocks; ++i) {
      append_rules(rules, {.timm = fmt::format("s{}\\.b{}\\.", number, i + 1),
                           .ours = fmt::format("trunk_output.block{0}.block{0}-{1}.", number, i),
                           .modules = {{"conv1.conv", "f.a.0"},
                                       {"conv1.bn", "f.a.1"},
                                       {"conv2.conv", "f.b.0"},
                                       {"conv2.bn", "f.b.1"},
                                       {"se", "f.se"},
                                       {"conv3.conv", "f.c.0"},
                                       {"conv3.bn", "f.c.1"},
                                       {"downsample.conv", "proj.0"},
                                       {"downsample.bn", "proj.1"}}});
    }
  }
  return {.publisher = "timm", .rules = std::move(rules)};
}

Architecture regnet(const TorchvisionRow<RegNetShape>& row) {
  Architecture network = torchvision_network<RegNet>(row);
  network.family = "RegNetY";
  network.paper = "Radosavovic et al. 2020, arXiv:2003.13678";
  network.namings = {timm_regnet_naming(row.shape)};
  return network;
}

}  // namespace

std::vector<Architecture> regnets() {
  // Shapes and accuracies: torchvision 0.14.
  return {regnet({"regnet_y_400mf", {16, 48, 27.89, 2.09, 8}, 4'344'144, 0.402, 74.046, "c65dace8"}),
          regnet({"regnet_y_800mf", {14, 56, 38.84, 2.4, 16}, 6'432'512, 0.834, 76.420, "1b27b58c"}),
          regnet({"regnet_y_1_6gf", {27, 48, 20.71, 2.65, 24}, 11'202'430, 1.612, 77.950, "b11a554e"}),
          regnet({"regnet_y_3_2gf", {21, 80, 42.63, 2.66, 24}, 19'436'338, 3.176, 78.948, "b5a9779c"}),
          regnet({"regnet_y_8gf", {17, 192, 76.82, 2.19, 56}, 39'381'472, 8.473, 80.032, "d0d0e4a8"}),
          regnet({"regnet_y_16gf", {18, 200, 106.23, 2.48, 112}, 83'590'140, 15.912, 80.424, "9e6ed7dd"})};
}

}  // namespace margay::model
