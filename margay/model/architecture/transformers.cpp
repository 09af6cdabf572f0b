#include <array>
#include <string>

#include <fmt/format.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/swin.h"
#include "margay/model/backbone/vit.h"

namespace margay::model {
namespace {

constexpr std::array<double, 3> kHalf{0.5, 0.5, 0.5};  // for mean and std: pixels become -1 … 1

BackboneMaker builder(const ViTShape& shape) { return maker_of<ViT>(shape); }

/// What rows of one shape differ in.
struct ViTRow {
  const char* name;
  std::int64_t width;
  std::int64_t heads;
  std::int64_t parameters;
  double gigamacs;
  double top1;
};

/// MAE's fine-tuned networks have their last norm behind the mean of the patches, under a name of its own.
Naming mean_pooled_naming() {
  return {.publisher = "timm, mean-pooled", .rules = {{R"(fc_norm\.(\w+))", R"(norm.\1)"}}};
}

/// Trained on ImageNet-21k, then ImageNet, by Steiner et al., "How to train your ViT?", arXiv:2106.10270.
Architecture augreg(const ViTRow& row) {
  return {.name = row.name,
          .family = "ViT",
          .paper = "Dosovitskiy et al. 2020, arXiv:2010.11929",
          .build = builder({.width = row.width, .heads = row.heads}),
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .mean = kHalf,
          .std = kHalf,
          .resize = PublishedResize::kBicubic,
          .crop_share = 0.9,
          .top1 = row.top1,
          .weights_name = "timm augreg_in21k_ft_in1k",
          .weights_url = timm_weights_url(row.name + std::string(".augreg_in21k_ft_in1k")),
          .oracle = kTorchvisionLayersOracle,
          .namings = {mean_pooled_naming()},
          .arithmetics = {Arithmetic::kMeanPooled}};
}

/// Trained without labels, so without a head. It learns well from smaller images too.
Architecture dinov2(const ViTRow& row) {
  constexpr double kNewScale = 1e-5;
  return {.name = row.name,
          .family = "DINOv2",
          .paper = "Oquab et al. 2023, arXiv:2304.07193",
          .build = builder({.patch_px = 14, .width = row.width, .heads = row.heads, .new_scale = kNewScale}),
          .classes = 0,
          .parameters = row.parameters,
          .gigamacs = row.gigamacs,
          .input_px = 518,
          .resize = PublishedResize::kBicubic,
          .crop_share = 1,
          .weights_name = "timm lvd142m",
          .weights_url = timm_weights_url(row.name + std::string(".lvd142m")),
          .namings = {{.publisher = "meta", .rules = {{"mask_token", ""}}}}};  // of training only
}

/// The same with four registers.
Architecture dinov2_with_registers(const ViTRow& row) {
  constexpr double kNewScale = 1e-5;
  Architecture architecture = dinov2(row);
  architecture.build =
      builder({.patch_px = 14, .width = row.width, .heads = row.heads, .new_scale = kNewScale, .registers = 4});
  architecture.family = "DINOv2 with registers";
  architecture.paper = "Darcet et al. 2023, arXiv:2309.16588";
  architecture.oracle = kTorchvisionLayersOracle;
  architecture.namings = {{.publisher = "meta", .rules = {{"mask_token", ""}, {"register_tokens", "reg_token"}}}};
  return architecture;
}

/// torchvision's names of 2022; before, the perceptron's layers were linear_1 and linear_2, as in its first files.
Naming torchvision_naming() {
  const std::string block = R"(encoder\.layers\.encoder_layer_(\d+)\.)";
  return {.publisher = "torchvision",
          .rules = {{"class_token", "cls_token"},
                    {R"(encoder\.pos_embedding)", "pos_embed"},
                    {R"(conv_proj\.(\w+))", R"(patch_embed.proj.\1)"},
                    {block + R"(ln_(\d)\.(\w+))", R"(blocks.\1.norm\2.\3)"},
                    {block + R"(self_attention\.in_proj_(\w+))", R"(blocks.\1.attn.qkv.\2)"},
                    {block + R"(self_attention\.out_proj\.(\w+))", R"(blocks.\1.attn.proj.\2)"},
                    {block + R"(mlp\.(?:0|linear_1)\.(\w+))", R"(blocks.\1.mlp.fc1.\2)"},
                    {block + R"(mlp\.(?:3|linear_2)\.(\w+))", R"(blocks.\1.mlp.fc2.\2)"},
                    {R"(encoder\.ln\.(\w+))", R"(norm.\1)"},
                    {R"(heads\.head\.(\w+))", R"(head.\1)"}}};
}

/// The network of vit_base_patch16_224, trained on ImageNet alone (a variant of DeiT's recipe).
Architecture vit_b_16() {
  return {.name = "vit_b_16",
          .family = "ViT",
          .paper = "Dosovitskiy et al. 2020, arXiv:2010.11929",
          .build = builder({.start = ViTShape::Start::kTorchvision}),
          .parameters = 86'567'656,
          .gigamacs = 17.564,
          .top1 = 81.072,
          .weights_name = kTorchvisionV1,
          .weights_url = torchvision_weights_url("vit_b_16-c867db91"),
          .oracle = kTorchvisionOracle,
          .namings = {torchvision_naming(), mean_pooled_naming()},
          .arithmetics = {Arithmetic::kMeanPooled}};
}

}  // namespace

std::vector<Architecture> vits() {
  // Accuracies: timm's results-imagenet.csv of 2023, torchvision 0.14's documentation.
  return {augreg({"vit_tiny_patch16_224", 192, 3, 5'717'416, 1.254, 75.454}),
          augreg({"vit_small_patch16_224", 384, 6, 22'050'664, 4.599, 81.384}),
          augreg({"vit_base_patch16_224", 768, 12, 86'567'656, 17.564, 84.532}),
          vit_b_16(),
          dinov2({"vit_small_patch14_dinov2", 384, 6, 22'056'192, 46.697, 0}),
          dinov2({"vit_base_patch14_dinov2", 768, 12, 86'579'712, 151.574, 0}),
          dinov2_with_registers({"vit_small_patch14_reg4_dinov2", 384, 6, 22'057'344, 46.883, 0}),
          dinov2_with_registers({"vit_base_patch14_reg4_dinov2", 768, 12, 86'582'016, 152.116, 0})};
}

namespace {

constexpr std::size_t kStages = 4;

/// What others call differently from each other.
struct OtherNames {
  const char* publisher;
  std::size_t first_downsample;  ///< number of the layer with what leads from the first stage to the second
  const char* head;
};

void append_stage(std::vector<NameRule>& rules, std::size_t stage) {
  const std::string block = fmt::format(R"(layers\.{}\.blocks\.(\d+)\.)", stage);
  const std::string ours = fmt::format(R"(features.{}.\1.)", 2 * stage + 1);
  rules.push_back({block + "attn_mask", ""});  // computed anew for every image
  rules.push_back({block + R"(mlp\.fc1\.(\w+))", ours + R"(mlp.0.\2)"});
  rules.push_back({block + R"(mlp\.fc2\.(\w+))", ours + R"(mlp.3.\2)"});
  rules.push_back({block + "(.*)", ours + R"(\2)"});
}

Naming naming(const OtherNames& names) {
  Naming naming{.publisher = names.publisher,
                .rules = {{R"(patch_embed\.proj\.(\w+))", R"(features.0.0.\1)"},
                          {R"(patch_embed\.norm\.(\w+))", R"(features.0.2.\1)"},
                          {names.head + std::string(R"(\.(\w+))"), R"(head.\1)"}}};
  for (std::size_t stage = 0; stage < kStages; ++stage) append_stage(naming.rules, stage);
  for (std::size_t i = 0; i + 1 < kStages; ++i) {
    naming.rules.push_back({fmt::format(R"(layers\.{}\.downsample\.(.*))", names.first_downsample + i),
                            fmt::format(R"(features.{}.\1)", 2 * i + 2)});
  }
  return naming;
}

}  // namespace

std::vector<Architecture> swins() {
  const SwinShape tiny{.width = 96, .blocks = {2, 2, 6, 2}, .heads = {3, 6, 12, 24}, .stochastic_depth = 0.2};
  return {{.name = "swin_t",
           .family = "Swin",
           .paper = "Liu et al. 2021, arXiv:2103.14030",
           .build = maker_of<Swin>(tiny),
           .parameters = 28'288'354,
           .gigamacs = 4.491,
           .resize = PublishedResize::kBicubic,
           .crop_share = 224.0 / 232,
           .top1 = 81.474,  // torchvision 0.14's documentation
           .weights_name = kTorchvisionV1,
           .weights_url = torchvision_weights_url("swin_t-704ceda3"),
           .oracle = kTorchvisionOracle,
           .namings = {naming({"timm", 1, R"(head\.fc)"}), naming({"microsoft", 0, "head"})}}};
}

}  // namespace margay::model
