#include <memory>

#include "margay/model/architecture/families.h"
#include "margay/model/architecture/published_weights.h"
#include "margay/model/backbone/resnet.h"

namespace margay::model {
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
          .weights_url = timm_weights_url(std::string(row.name) + ".tv_in1k")};
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
