#include "margay/model/parameter_group.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/model/classifier.h"

namespace margay::model {
namespace {

std::vector<std::string> names_of(const ParameterGroup& group) {
  std::vector<std::string> names;
  for (const NamedParameter& each : group.parameters) names.push_back(each.name);
  return names;
}

bool contains(const std::string& name, const std::string& part) { return name.find(part) != std::string::npos; }

TEST(ParameterGroups, PutTheBackbonesOwnParametersIntoTheFirst) {
  const auto classifier = make_classifier({.architecture = "vit_tiny_patch16_224", .image_px = 32});
  EXPECT_EQ(names_of(classifier->parameter_groups().front()),
            (std::vector<std::string>{"backbone.cls_token", "backbone.pos_embed", "backbone.patch_embed.proj.weight",
                                      "backbone.patch_embed.proj.bias"}));
}

TEST(ParameterGroups, DecayTheMatricesOfTransformersOnly) {
  for (const char* name : {"vit_small_patch14_dinov2", "swin_t"}) {
    const auto classifier =
        make_classifier({.architecture = name, .image_px = 28, .head = {.kind = HeadKind::kLinear}});
    for (const ParameterGroup& group : classifier->parameter_groups()) {
      for (const NamedParameter& each : group.parameters) {
        const bool is_matrix =
            each.name.ends_with("weight") && !contains(each.name, "norm") && !contains(each.name, "features.0.2");
        EXPECT_EQ(each.is_norm_or_bias, !is_matrix) << each.name;
        EXPECT_FALSE(each.is_norm) << each.name;  // batch norms only
      }
    }
  }
}

}  // namespace
}  // namespace margay::model
