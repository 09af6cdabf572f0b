#include "margay/model/architectures.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/nearest.h"
#include "margay/model/backbone/resnet.h"

namespace margay::model {
namespace {

using Block = ResNetShape::Block;
using Stem = ResNetShape::Stem;

/// Per channel over ImageNet's training pictures: the values that all published weights were trained with.
constexpr std::array<double, 3> kImagenetMean{0.485, 0.456, 0.406};
constexpr std::array<double, 3> kImagenetStd{0.229, 0.224, 0.225};

/// torchvision's first weights (BSD-3-Clause) as safetensors.
std::string torchvision_weights(const std::string& name) {
  return "https://huggingface.co/timm/" + name + ".tv_in1k/resolve/main/model.safetensors";
}

Architecture resnet(const std::string& name, Block block, std::vector<std::int64_t> blocks, std::int64_t parameters) {
  const ResNetShape shape{.block = block, .blocks = std::move(blocks)};
  return {.name = name,
          .build = [shape] { return std::make_shared<ResNet>(shape); },
          .parameters = parameters,
          .input_px = 224,
          .mean = kImagenetMean,
          .std = kImagenetStd,
          .weights_url = torchvision_weights(name)};
}

/// The 20-layer network for small pictures (He et al. 2015, section 4.2): stages of 16, 32, 64 channels. Ours halves
/// the picture in the stem too, for 64-96 instead of 32 pixels, and projects its shortcuts.
Architecture resnet20() {
  const ResNetShape shape{.stem = Stem::kSmall, .blocks = {3, 3, 3}, .width = 16, .early_stages = 1};
  return {.name = "resnet20",
          .build = [shape] { return std::make_shared<ResNet>(shape); },
          .parameters = 271'824,
          .input_px = 64,
          .mean = kImagenetMean,
          .std = kImagenetStd,
          .weights_url = ""};
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> table{
      resnet("resnet18", Block::kBasic, {2, 2, 2, 2}, 11'176'512),
      resnet("resnet34", Block::kBasic, {3, 4, 6, 3}, 21'284'672),
      resnet("resnet50", Block::kBottleneck, {3, 4, 6, 3}, 23'508'032),
      resnet("resnet101", Block::kBottleneck, {3, 4, 23, 3}, 42'500'160),
      resnet("resnet152", Block::kBottleneck, {3, 8, 36, 3}, 58'143'808),
      resnet20(),
  };
  return table;
}

const Architecture& find_architecture(const std::string& name) {
  std::vector<std::string> known;
  for (const Architecture& each : architectures()) {
    if (each.name == name) return each;
    known.push_back(each.name);
  }
  throw std::invalid_argument(fmt::format("[find_architecture] no architecture '{}'{} There are {}.", name,
                                          core::did_you_mean(name, known), fmt::join(known, ", ")));
}

}  // namespace margay::model
