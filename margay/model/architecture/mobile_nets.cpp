#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/mobilenet.h"
#include "margay/model/backbone/repvit.h"

namespace margay::model {
namespace {

/// timm numbers blocks within stages, torchvision one after another.
std::vector<NameRule> timm_rules_of_v2() {
  std::vector<NameRule> rules;
  append_rules(rules, {.timm = "", .ours = "", .modules = {{"conv_stem", "features.0.0"}, {"bn1", "features.0.1"}}});
  append_rules(rules, {.timm = "blocks\\.0\\.0\\.",
                       .ours = "features.1.conv.",
                       .modules = {{"conv_dw", "0.0"}, {"bn1", "0.1"}, {"conv_pw", "1"}, {"bn2", "2"}}});
  int number = 1;
  const std::vector<int> blocks{1, 2, 3, 4, 3, 3, 1};  // per stage
  for (std::size_t stage = 1; stage < blocks.size(); ++stage) {
    for (int block = 0; block < blocks[stage]; ++block) {
      append_rules(rules, {.timm = fmt::format("blocks\\.{}\\.{}\\.", stage, block),
                           .ours = fmt::format("features.{}.conv.", ++number),
                           .modules = {{"conv_pw", "0.0"},
                                       {"bn1", "0.1"},
                                       {"conv_dw", "1.0"},
                                       {"bn2", "1.1"},
                                       {"conv_pwl", "2"},
                                       {"bn3", "3"}}});
    }
  }
  append_rules(rules,
               {.timm = "",
                .ours = "",
                .modules = {{"conv_head", "features.18.0"}, {"bn2", "features.18.1"}, {"classifier", "classifier.1"}}});
  return rules;
}

Architecture mobilenet_v2() {
  return {.name = "mobilenet_v2",
          .family = "MobileNetV2",
          .paper = "Sandler et al. 2018, arXiv:1801.04381",
          .build = [](const BackboneOptions& options) { return std::make_shared<MobileNetV2>(options); },
          .parameters = 3'504'872,
          .gigamacs = 0.301,
          .top1 = 71.878,
          .weights_name = kTorchvisionV1,
          .weights_url = torchvision_weights_url("mobilenet_v2-b0353104"),
          .oracle = kTorchvisionOracle,
          .namings = {{"timm", timm_rules_of_v2()}}};
}

/// A block of MobileNetV3: timm's place, our place, and what it has.
struct SqueezedBlock {
  std::string timm;
  std::string ours;
  bool is_widened;
  bool is_squeezed;
};

void append_block(std::vector<NameRule>& rules, const SqueezedBlock& block) {
  std::vector<std::pair<std::string, std::string>> modules;
  int layer = 0;
  if (block.is_widened) modules.insert(modules.end(), {{"conv_pw", "0.0"}, {"bn1", "0.1"}});
  if (block.is_widened) ++layer;
  modules.push_back({"conv_dw", fmt::format("{}.0", layer)});
  modules.push_back({block.is_widened ? "bn2" : "bn1", fmt::format("{}.1", layer)});
  ++layer;
  if (block.is_squeezed) {
    modules.push_back({"se.conv_reduce", fmt::format("{}.fc1", layer)});
    modules.push_back({"se.conv_expand", fmt::format("{}.fc2", layer)});
    ++layer;
  }
  modules.push_back({block.is_widened ? "conv_pwl" : "conv_pw", fmt::format("{}.0", layer)});
  modules.push_back({block.is_widened ? "bn3" : "bn2", fmt::format("{}.1", layer)});
  append_rules(rules, {.timm = block.timm, .ours = block.ours, .modules = std::move(modules)});
}

/// timm numbers blocks within stages, and has a convolution for the classifier's first layer. squeezed: of each stage.
std::vector<NameRule> timm_rules_of_v3(const std::vector<int>& blocks, const std::vector<bool>& squeezed) {
  std::vector<NameRule> rules;
  append_rules(rules, {.timm = "", .ours = "", .modules = {{"conv_stem", "features.0.0"}, {"bn1", "features.0.1"}}});
  int number = 0;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int block = 0; block < blocks[stage]; ++block) {
      append_block(rules, {.timm = fmt::format("blocks\\.{}\\.{}\\.", stage, block),
                           .ours = fmt::format("features.{}.block.", ++number),
                           .is_widened = stage > 0,
                           .is_squeezed = squeezed[stage]});
    }
  }
  append_rules(rules, {.timm = fmt::format("blocks\\.{}\\.0\\.", blocks.size()),
                       .ours = fmt::format("features.{}.", number + 1),
                       .modules = {{"conv", "0"}, {"bn1", "1"}}});
  append_rules(rules,
               {.timm = "", .ours = "", .modules = {{"conv_head", "classifier.0"}, {"classifier", "classifier.3"}}});
  return rules;
}

/// Stages of tables 1 and 2, as timm counts them.
Naming timm_naming_of_v3(MobileNetV3Size size) {
  if (size == MobileNetV3Size::kSmall) {
    return {"timm", timm_rules_of_v3({1, 2, 3, 2, 3}, {true, false, true, true, true})};
  }
  return {"timm", timm_rules_of_v3({1, 2, 3, 4, 2, 3}, {false, false, true, false, true, true})};
}

Architecture mobilenet_v3(const TorchvisionRow<MobileNetV3Size>& row) {
  Architecture network = torchvision_network<MobileNetV3>(row);
  network.family = "MobileNetV3";
  network.paper = "Howard et al. 2019, arXiv:1905.02244";
  network.namings = {timm_naming_of_v3(row.shape)};
  network.arithmetics = {Arithmetic::kTimm, Arithmetic::kTensorFlow};
  return network;
}

}  // namespace

std::vector<Architecture> mobilenets() {
  // Accuracies: torchvision 0.14's documentation.
  return {mobilenet_v2(),
          mobilenet_v3({"mobilenet_v3_small", MobileNetV3Size::kSmall, 2'542'856, 0.0565, 67.668, "047dcff4"}),
          mobilenet_v3({"mobilenet_v3_large", MobileNetV3Size::kLarge, 5'483'032, 0.217, 74.042, "8738ca79"})};
}

namespace {

/// What the sizes differ in.
struct MobileNetV4Row {
  const char* name;
  MobileNetV4Size size;
  std::int64_t parameters;
  double gigamacs;
  int input_px;
  double crop_share;
  double top1;
  const char* recipe;  ///< timm's word for how the weights were trained
};

Architecture mobilenet_v4(const MobileNetV4Row& row) {
  return {.name = row.name,
          .family = "MobileNetV4",
          .paper = "Qin et al. 2024, arXiv:2404.10518",
          .build = maker_of<MobileNetV4>(row.size),
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .input_px = row.input_px,
          .resize = PublishedResize::kBicubic,
          .crop_share = row.crop_share,
          .top1 = row.top1,
          .weights_name = std::string("timm ") + row.recipe,
          .weights_url = timm_weights_url(fmt::format("{}.{}", row.name, row.recipe)),
          .oracle = kTorchvisionLayersOracle};
}

/// What the sizes differ in.
struct RepViTRow {
  const char* name;
  RepViTShape shape;
  std::int64_t parameters;
  double gigamacs;
  double top1;
};

Architecture repvit(const RepViTRow& row) {
  return {.name = row.name,
          .family = "RepViT",
          .paper = "Wang et al. 2023, arXiv:2307.09283",
          .build = maker_of<RepViT>(row.shape),
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .resize = PublishedResize::kBicubic,
          .crop_share = 0.95,
          .top1 = row.top1,
          .weights_name = "timm dist_450e_in1k",
          .weights_url = timm_weights_url(row.name + std::string(".dist_450e_in1k")),
          .oracle = kTorchvisionLayersOracle};
}

}  // namespace

std::vector<Architecture> mobilenet_v4s() {
  // Sizes of images and accuracies: timm's results-imagenet.csv.
  using enum MobileNetV4Size;
  return {mobilenet_v4({"mobilenetv4_conv_small", kSmall, 3'774'024, 0.242, 256, 0.95, 74.644, "e2400_r224_in1k"}),
          mobilenet_v4({"mobilenetv4_conv_medium", kMedium, 9'715'512, 1.687, 320, 1, 80.880, "e500_r256_in1k"}),
          mobilenet_v4({"mobilenetv4_conv_large", kLarge, 32'590'864, 8.678, 448, 1, 83.418, "e600_r384_in1k"})};
}

std::vector<Architecture> repvits() {
  // Accuracies: timm's results-imagenet.csv.
  return {repvit({"repvit_m0_9", {48, {2, 2, 14, 2}}, 5'489'328, 0.817, 79.058}),
          repvit({"repvit_m1_0", {56, {2, 2, 14, 2}}, 7'302'796, 1.108, 80.446}),
          repvit({"repvit_m1_1", {64, {2, 2, 12, 2}}, 8'802'912, 1.339, 81.302}),
          repvit({"repvit_m1_5", {64, {4, 4, 24, 4}}, 14'644'432, 2.277, 82.520}),
          repvit({"repvit_m2_3", {80, {6, 6, 34, 2}}, 23'688'792, 4.521, 83.742})};
}

}  // namespace margay::model
