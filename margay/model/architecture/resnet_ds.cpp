#include <memory>

#include "margay/model/architecture/families.h"
#include "margay/model/architecture/published_weights.h"
#include "margay/model/backbone/resnet.h"

namespace margay::model {
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
          .weights_url = timm_weights_url(std::string(row.name) + ".ra2_in1k")};
}

}  // namespace

std::vector<Architecture> resnet_ds() {
  // Sizes and accuracies: timm's results-imagenet.csv, where they are judged on larger images than they learnt from.
  return {resnet_d({"resnet18d", ResNetDBlock::kBasic, {2, 2, 2, 2}, 11'708'744, 3.395, 288, 0.95, 73.794}),
          resnet_d({"resnet34d", ResNetDBlock::kBasic, {3, 4, 6, 3}, 21'816'904, 6.452, 288, 0.95, 78.436}),
          resnet_d({"resnet50d", ResNetDBlock::kBottleneck, {3, 4, 6, 3}, 25'576'264, 7.154, 288, 0.95, 81.356}),
          resnet_d({"resnet101d", ResNetDBlock::kBottleneck, {3, 4, 23, 3}, 44'568'392, 16.408, 320, 1.0, 83.016})};
}

}  // namespace margay::model
