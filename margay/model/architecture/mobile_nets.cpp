#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/efficientnet.h"
#include "margay/model/backbone/mobilenet.h"

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

/// What the sizes of MobileNetV3 differ in.
struct MobileNetRow {
  const char* name;
  MobileNetV3Size size;
  std::int64_t parameters;
  double gigamacs;
  double top1;
  const char* hash;  ///< in the name of torchvision's file
};

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

Architecture mobilenet_v3(const MobileNetRow& row) {
  return {.name = row.name,
          .family = "MobileNetV3",
          .paper = "Howard et al. 2019, arXiv:1905.02244",
          .build = [size = row.size](
                       const BackboneOptions& options) { return std::make_shared<MobileNetV3>(size, options); },
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .top1 = row.top1,
          .weights_name = kTorchvisionV1,
          .weights_url = torchvision_weights_url(fmt::format("{}-{}", row.name, row.hash)),
          .oracle = kTorchvisionOracle,
          .namings = {timm_naming_of_v3(row.size)},
          .arithmetics = {Arithmetic::kTimm, Arithmetic::kTensorFlow}};
}

}  // namespace

std::vector<Architecture> mobilenets() {
  // Accuracies: torchvision 0.14's documentation.
  return {mobilenet_v2(),
          mobilenet_v3({"mobilenet_v3_small", MobileNetV3Size::kSmall, 2'542'856, 0.0565, 67.668, "047dcff4"}),
          mobilenet_v3({"mobilenet_v3_large", MobileNetV3Size::kLarge, 5'483'032, 0.217, 74.042, "8738ca79"})};
}

namespace {

std::vector<NameRule> timm_efficientnet_rules() {
  std::vector<NameRule> rules;
  append_rules(rules, {.timm = "",
                       .ours = "",
                       .modules = {{"conv_stem", "features.0.0"},
                                   {"bn1", "features.0.1"},
                                   {"conv_head", "features.8.0"},
                                   {"bn2", "features.8.1"},
                                   {"classifier", "classifier.1"}}});
  append_rules(rules, {.timm = R"(blocks\.0\.(\d+)\.)",
                       .ours = R"(features.1.\1.block.)",
                       .modules = {{"conv_dw", "0.0"},
                                   {"bn1", "0.1"},
                                   {"se.conv_reduce", "1.fc1"},
                                   {"se.conv_expand", "1.fc2"},
                                   {"conv_pw", "2.0"},
                                   {"bn2", "2.1"}}});
  for (int stage = 1; stage < 7; ++stage) {
    append_rules(rules, {.timm = fmt::format(R"(blocks\.{}\.(\d+)\.)", stage),
                         .ours = fmt::format(R"(features.{}.\1.block.)", stage + 1),
                         .modules = {{"conv_pw", "0.0"},
                                     {"bn1", "0.1"},
                                     {"conv_dw", "1.0"},
                                     {"bn2", "1.1"},
                                     {"se.conv_reduce", "2.fc1"},
                                     {"se.conv_expand", "2.fc2"},
                                     {"conv_pwl", "3.0"},
                                     {"bn3", "3.1"}}});
  }
  return rules;
}

/// What the sizes differ in.
struct EfficientNetRow {
  const char* name;
  EfficientNetScale scale;
  std::int64_t parameters;
  double gigamacs;
  int input_px;
  int resize_px;
  double top1;
  const char* recipe;  ///< timm's word for how the weights were trained
};

Architecture efficientnet(const EfficientNetRow& row) {
  return {.name = row.name,
          .family = "EfficientNet",
          .paper = "Tan and Le 2019, arXiv:1905.11946",
          .build = [scale = row.scale](
                       const BackboneOptions& options) { return std::make_shared<EfficientNet>(scale, options); },
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .input_px = row.input_px,
          .resize = PublishedResize::kBicubic,
          .crop_share = static_cast<double>(row.input_px) / row.resize_px,
          .top1 = row.top1,
          .weights_name = fmt::format("timm {} = {}", row.recipe, kTorchvisionV1),
          .weights_url = timm_weights_url(fmt::format("{}.{}", row.name, row.recipe)),
          .oracle = kTorchvisionOracle,
          .namings = {{"timm", timm_efficientnet_rules()}},
          .arithmetics = {Arithmetic::kTensorFlow}};
}

}  // namespace

std::vector<Architecture> efficientnets() {
  // Scales, sizes of images and accuracies: torchvision 0.14's documentation.
  return {efficientnet({"efficientnet_b0", {1.0, 1.0, 0.2}, 5'288'548, 0.386, 224, 256, 77.692, "ra_in1k"}),
          efficientnet({"efficientnet_b1", {1.0, 1.1, 0.2}, 7'794'184, 0.687, 240, 256, 78.642, "ft_in1k"}),
          efficientnet({"efficientnet_b2", {1.1, 1.2, 0.3}, 9'109'994, 1.088, 288, 288, 80.608, "ra_in1k"}),
          efficientnet({"efficientnet_b3", {1.2, 1.4, 0.3}, 12'233'232, 1.827, 300, 320, 82.008, "ra2_in1k"}),
          efficientnet({"efficientnet_b4", {1.4, 1.8, 0.4}, 19'341'616, 4.394, 380, 384, 83.384, "ra2_in1k"})};
}

}  // namespace margay::model
