#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/convnext.h"
#include "margay/model/backbone/convnext_v2.h"

namespace margay::model {
namespace {

/// timm counts stages with the layer that halves the image before them, torchvision both one after another.
std::vector<NameRule> timm_convnext_rules() {
  std::vector<NameRule> rules;
  append_rules(rules, {.timm = "",
                       .ours = "",
                       .modules = {{"stem.0", "features.0.0"},
                                   {"stem.1", "features.0.1"},
                                   {"head.norm", "classifier.0"},
                                   {"head.fc", "classifier.2"}}});
  for (int stage = 0; stage < 4; ++stage) {
    append_rules(rules, {.timm = fmt::format(R"(stages\.{}\.downsample\.)", stage),
                         .ours = fmt::format("features.{}.", 2 * stage),
                         .modules = {{"0", "0"}, {"1", "1"}}});
    append_rules(rules, {.timm = fmt::format(R"(stages\.{}\.blocks\.(\d+)\.)", stage),
                         .ours = fmt::format(R"(features.{}.\1.block.)", 2 * stage + 1),
                         .modules = {{"conv_dw", "0"}, {"norm", "2"}, {"mlp.fc1", "3"}, {"mlp.fc2", "5"}}});
    rules.push_back({.pattern = fmt::format(R"(stages\.{}\.blocks\.(\d+)\.gamma)", stage),
                     .replacement = fmt::format(R"(features.{}.\1.layer_scale)", 2 * stage + 1)});
  }
  return rules;
}

/// resize_px: of the shorter side, before the crop of the evaluation.
Architecture convnext(const TorchvisionRow<ConvNextShape>& row, int resize_px) {
  Architecture network = torchvision_network<ConvNext>(row);
  network.family = "ConvNeXt";
  network.paper = "Liu et al. 2022, arXiv:2201.03545";
  network.crop_share = static_cast<double>(network.input_px) / resize_px;
  network.namings = {{"timm", timm_convnext_rules()}};
  return network;
}

}  // namespace

std::vector<Architecture> convnexts() {
  // Accuracies: torchvision 0.14's documentation.
  return {convnext({"convnext_tiny", {96, {3, 3, 9, 3}, 0.1}, 28'589'128, 4.456, 82.520, "983f1562"}, 236),
          convnext({"convnext_small", {96, {3, 3, 27, 3}, 0.4}, 50'223'688, 8.684, 83.616, "0c510722"}, 230),
          convnext({"convnext_base", {128, {3, 3, 27, 3}, 0.5}, 88'591'464, 15.355, 84.062, "6075fbad"}, 232),
          convnext({"convnext_large", {192, {3, 3, 27, 3}, 0.5}, 197'767'336, 34.361, 84.414, "ea097f82"}, 232)};
}

namespace {

/// Facebook's own names of the same tensors.
Naming facebook_naming() {
  return {.publisher = "facebook",
          .rules = {{R"(downsample_layers\.0\.(\d)\.(\w+))", R"(stem.\1.\2)"},
                    {R"(downsample_layers\.(\d)\.(\d)\.(\w+))", R"(stages.\1.downsample.\2.\3)"},
                    {R"(stages\.(\d)\.(\d+)\.dwconv\.(\w+))", R"(stages.\1.blocks.\2.conv_dw.\3)"},
                    {R"(stages\.(\d)\.(\d+)\.pwconv1\.(\w+))", R"(stages.\1.blocks.\2.mlp.fc1.\3)"},
                    {R"(stages\.(\d)\.(\d+)\.pwconv2\.(\w+))", R"(stages.\1.blocks.\2.mlp.fc2.\3)"},
                    {R"(stages\.(\d)\.(\d+)\.grn\.gamma)", R"(stages.\1.blocks.\2.mlp.grn.weight)"},
                    {R"(stages\.(\d)\.(\d+)\.grn\.beta)", R"(stages.\1.blocks.\2.mlp.grn.bias)"},
                    {R"(stages\.(\d)\.(\d+)\.norm\.(\w+))", R"(stages.\1.blocks.\2.norm.\3)"},
                    {R"(norm\.(\w+))", R"(head.norm.\1)"},
                    {R"(head\.(\w+))", R"(head.fc.\1)"}}};
}

/// What the sizes differ in.
struct ConvNextV2Row {
  const char* name;
  ConvNextShape shape;
  std::int64_t parameters;
  double gigamacs;
  double crop_share;
  double top1;
};

Architecture convnext_v2(const ConvNextV2Row& row) {
  return {.name = row.name,
          .family = "ConvNeXt V2",
          .paper = "Woo et al. 2023, arXiv:2301.00808",
          .build = maker_of<ConvNextV2>(row.shape),
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .input_px = 288,
          .resize = PublishedResize::kBicubic,
          .crop_share = row.crop_share,
          .top1 = row.top1,
          .weights_name = "timm fcmae_ft_in1k",
          .weights_url = timm_weights_url(row.name + std::string(".fcmae_ft_in1k")),
          .oracle = kTorchvisionLayersOracle,
          .namings = {facebook_naming()}};
}

}  // namespace

std::vector<Architecture> convnext_v2s() {
  // Sizes and accuracies: timm's results-imagenet.csv; stochastic depth of fine-tuning: the paper's table 12.
  return {convnext_v2({"convnextv2_atto", {40, {2, 2, 6, 2}, 0.1}, 3'708'400, 0.905, 0.95, 77.790}),
          convnext_v2({"convnextv2_femto", {48, {2, 2, 6, 2}, 0.1}, 5'233'240, 1.289, 0.95, 79.332}),
          convnext_v2({"convnextv2_pico", {64, {2, 2, 6, 2}, 0.1}, 9'066'280, 2.260, 0.95, 81.056}),
          convnext_v2({"convnextv2_nano", {80, {2, 2, 8, 2}, 0.1}, 15'623'800, 4.042, 1, 82.496}),
          convnext_v2({"convnextv2_tiny", {96, {3, 3, 9, 3}, 0.2}, 28'635'496, 7.365, 1, 83.476}),
          convnext_v2({"convnextv2_base", {128, {3, 3, 27, 3}, 0.1}, 88'717'800, 25.382, 1, 85.490})};
}

}  // namespace margay::model
