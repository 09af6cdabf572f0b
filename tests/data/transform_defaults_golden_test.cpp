// Names and defaults of the transforms are fastai's.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/transform/augment.h"
#include "margay/data/transform/resize.h"
#include "tests/support/golden.h"

namespace margay::data {
namespace {

using testing_support::golden;

/// Every setting of `theirs` that has a number, a truth value or a text must be in `ours` under the same name with the
/// same value, unless `others` names it.
void expect_same(const nlohmann::json& theirs, const nlohmann::json& ours, const std::vector<std::string>& others) {
  for (const auto& [name, value] : theirs.items()) {
    if (std::find(others.begin(), others.end(), name) != others.end()) continue;
    ASSERT_TRUE(ours.contains(name)) << name;
    EXPECT_EQ(ours[name], value) << name;
  }
}

TEST(TransformDefaults, OfAugmentAreThoseOfAugTransforms) {
  MARGAY_REQUIRE_GOLDEN("defaults.json");
  // Size has a default here; the interpolation is bilinear and every image draws for itself, always.
  expect_same(golden("defaults.json")["aug_transforms"], core::to_json(AugmentOptions()),
              {"xtra_tfms", "size", "mode", "align_corners", "batch"});
}

TEST(TransformDefaults, OfResizeAreThoseOfResizeAndRandomResizedCrop) {
  MARGAY_REQUIRE_GOLDEN("defaults.json");
  const nlohmann::json all = golden("defaults.json");
  const ResizeOptions ours;
  EXPECT_EQ(all["Resize"]["method"], core::to_text(ours.method));
  EXPECT_EQ(all["Resize"]["pad_mode"], core::to_text(ours.pad_mode));
  const nlohmann::json& crop = all["RandomResizedCrop"];
  EXPECT_EQ(crop["min_scale"], ours.min_scale);
  EXPECT_EQ(crop["max_scale"], ours.max_scale);
  EXPECT_EQ(crop["val_xtra"], ours.val_xtra);
  EXPECT_DOUBLE_EQ(crop["ratio"][0], ours.min_ratio);
  EXPECT_DOUBLE_EQ(crop["ratio"][1], ours.max_ratio);
}

TEST(TransformDefaults, OfErasingAreFastaisButThatItIsOff) {
  MARGAY_REQUIRE_GOLDEN("defaults.json");
  expect_same(golden("defaults.json")["RandomErasing"], core::to_json(EraseOptions()), {"self", "p"});
}

/// The arguments of one function in what aug_transforms() builds, such as "rotate_mat".
nlohmann::json arguments_of(const nlohmann::json& transforms, const std::string& function) {
  for (const nlohmann::json& transform : transforms) {
    for (const char* kind : {"aff_fs", "coord_fs", "fs"}) {
      if (!transform.contains(kind)) continue;
      for (const nlohmann::json& each : transform[kind]) {
        if (each["fn"] == function) return each["args"];
      }
    }
  }
  return nullptr;
}

TEST(TransformDefaults, ReachTheFunctionsThatAugTransformsBuilds) {
  MARGAY_REQUIRE_GOLDEN("aug_structure.json");
  const AugmentOptions ours;
  const nlohmann::json built = golden("aug_structure.json")["aug_transforms()"];
  EXPECT_EQ(arguments_of(built, "rotate_mat")["max_deg"], ours.max_rotate);
  EXPECT_EQ(arguments_of(built, "rotate_mat")["p"], ours.p_affine);
  EXPECT_EQ(arguments_of(built, "zoom_mat")["min_zoom"], ours.min_zoom);
  EXPECT_EQ(arguments_of(built, "zoom_mat")["max_zoom"], ours.max_zoom);
  EXPECT_EQ(arguments_of(built, "zoom_mat")["p"], ours.p_affine);
  EXPECT_EQ(arguments_of(built, "_WarpCoord")["magnitude"], ours.max_warp);
  EXPECT_EQ(arguments_of(built, "_WarpCoord")["p"], ours.p_affine);
  for (const char* light : {"_BrightnessLogit", "_ContrastLogit"}) {
    EXPECT_EQ(arguments_of(built, light)["max_lighting"], ours.max_lighting) << light;
    EXPECT_EQ(arguments_of(built, light)["p"], ours.p_lighting) << light;
  }
}

TEST(TransformDefaults, OfTheCropKeepTheAspectRatioAsAugTransformsDoes) {
  MARGAY_REQUIRE_GOLDEN("aug_structure.json");
  const AugmentOptions ours;
  const nlohmann::json all = golden("aug_structure.json");
  for (const nlohmann::json& transform : all["aug_transforms(size=224,min_scale=0.75)"]) {
    if (transform["cls"] != "RandomResizedCropGPU") continue;
    EXPECT_EQ(transform["max_scale"], ours.max_scale);
    EXPECT_EQ(transform["ratio"][0], ours.min_ratio);
    EXPECT_EQ(transform["ratio"][1], ours.max_ratio);
    return;
  }
  ADD_FAILURE() << "no RandomResizedCropGPU";
}

}  // namespace
}  // namespace margay::data
