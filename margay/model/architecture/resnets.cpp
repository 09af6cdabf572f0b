#include <utility>

#include "margay/model/architecture/families.h"
#include "margay/model/architecture/published_weights.h"
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
          .weights_url = timm_weights_url(std::string(row.name) + ".tv_in1k")};
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

}  // namespace margay::model
