#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/efficientnet.h"

namespace margay::model {
namespace {

/// Of a stage of blocks that widen.
void append_mbconv_rules(std::vector<NameRule>& rules, int stage) {
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
  for (int stage = 1; stage < 7; ++stage) append_mbconv_rules(rules, stage);
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
          .build = maker_of<EfficientNet>(row.scale),
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

namespace {

std::vector<NameRule> timm_efficientnet_v2_rules() {
  std::vector<NameRule> rules;
  append_rules(rules, {.timm = "",
                       .ours = "",
                       .modules = {{"conv_stem", "features.0.0"},
                                   {"bn1", "features.0.1"},
                                   {"conv_head", "features.7.0"},
                                   {"bn2", "features.7.1"},
                                   {"classifier", "classifier.1"}}});
  append_rules(rules, {.timm = R"(blocks\.0\.(\d+)\.)",
                       .ours = R"(features.1.\1.block.)",
                       .modules = {{"conv", "0.0"}, {"bn1", "0.1"}}});
  for (int stage = 1; stage < 3; ++stage) {
    append_rules(rules, {.timm = fmt::format(R"(blocks\.{}\.(\d+)\.)", stage),
                         .ours = fmt::format(R"(features.{}.\1.block.)", stage + 1),
                         .modules = {{"conv_exp", "0.0"}, {"bn1", "0.1"}, {"conv_pwl", "1.0"}, {"bn2", "1.1"}}});
  }
  for (int stage = 3; stage < 6; ++stage) append_mbconv_rules(rules, stage);
  return rules;
}

}  // namespace

std::vector<Architecture> efficientnet_v2s() {
  // Accuracy: torchvision 0.14's documentation.
  return {{.name = "efficientnet_v2_s",
           .family = "EfficientNetV2",
           .paper = "Tan and Le 2021, arXiv:2104.00298",
           .build = [](const BackboneOptions& options) { return std::make_shared<EfficientNetV2>(options); },
           .parameters = 21'458'488,
           .gigamacs = 8.366,
           .input_px = 384,
           .crop_share = 1,
           .top1 = 84.228,
           .weights_name = kTorchvisionV1,
           .weights_url = torchvision_weights_url("efficientnet_v2_s-dd5fe13b"),
           .oracle = kTorchvisionOracle,
           .namings = {{"timm", timm_efficientnet_v2_rules()}},
           .arithmetics = {Arithmetic::kTensorFlow}}};
}

}  // namespace margay::model
