#include <memory>
#include <string>

#include <fmt/format.h>

#include "margay/model/architecture/families.h"
#include "margay/model/architecture/published_weights.h"
#include "margay/model/backbone/swin.h"

namespace margay::model {
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
           .build = [tiny](const BackboneOptions& options) { return std::make_shared<Swin>(tiny, options); },
           .parameters = 28'288'354,
           .gigamacs = 4.491,
           .resize = PublishedResize::kBicubic,
           .crop_share = 224.0 / 232,
           .top1 = 81.474,  // torchvision 0.14's documentation
           .weights_name = kTorchvisionV1,
           .weights_url = torchvision_weights_url("swin_t-704ceda3"),
           .namings = {naming({"timm", 1, R"(head\.fc)"}), naming({"microsoft", 0, "head"})}}};
}

}  // namespace margay::model
