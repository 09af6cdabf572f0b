#include "margay/model/weights/weight_sets.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::thrown_message;

TEST(WeightSets, HaveNamesOfTheirOwnAndNetworksOfTheTable) {
  std::set<std::string> names;
  for (const WeightSet& each : weight_sets()) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    EXPECT_EQ(find_architecture(each.network).name, each.network);
    EXPECT_FALSE(each.tag().empty()) << each.name;
    EXPECT_FALSE(each.source.empty()) << each.name << " has facts without a source";
    EXPECT_TRUE(each.url.starts_with("https://")) << each.name;
  }
}

TEST(WeightSets, AgreeWithTheTableOfNetworks) {
  for (const Architecture& each : architectures()) {
    if (each.weights_url.empty()) continue;
    const auto sets = weight_sets_of(each.name);
    const auto found =
        std::find_if(sets.begin(), sets.end(), [&](const WeightSet* set) { return set->url == each.weights_url; });
    ASSERT_NE(found, sets.end()) << each.name << " is published, but no set is";
    EXPECT_EQ((*found)->top1, each.top1) << each.name;
    EXPECT_EQ((*found)->input_px, each.input_px) << each.name;
    EXPECT_EQ((*found)->mean, each.mean) << each.name;
    EXPECT_EQ((*found)->std, each.std) << each.name;
    EXPECT_EQ((*found)->resize, each.resize) << each.name;
    EXPECT_NEAR((*found)->crop_share, each.crop_share, 1e-9) << each.name;
  }
}

TEST(WeightSets, AreFoundByTheirPublishersNamesAndByOurs) {
  EXPECT_EQ(find_weight_set("resnet50.tv2_in1k").top1, 80.844);
  EXPECT_EQ(find_weight_set("resnet50.imagenet1k_v2").publisher, "torchvision");
  EXPECT_EQ(find_weight_set("tf_efficientnet_b0.ns_jft_in1k").network, "efficientnet_b0");
  EXPECT_EQ(&find_weight_set("efficientnet_b0.ns_jft_in1k"), &find_weight_set("tf_efficientnet_b0.ns_jft_in1k"));
  EXPECT_EQ(&find_weight_set("timm/resnet18d.ra4_e3600_r224_in1k"), &find_weight_set("resnet18d.ra4_e3600_r224_in1k"));
  EXPECT_EQ(find_weight_set("resnet18d.ra4_e3600_r224_in1k").mean, (std::array{0.5, 0.5, 0.5}));
}

TEST(WeightSets, AreListedWithTheirPublishersWhereANameDoesNotTell) {
  for (const char* name : {"resnet50.v2", "resnet50.a", "timm/resnet50", "torchvision/resnet50.a1_in1k"}) {
    const std::string message = thrown_message<std::invalid_argument>([&] { find_weight_set(name); });
    for (const char* each : {"torchvision/resnet50.IMAGENET1K_V1", "torchvision/resnet50.IMAGENET1K_V2",
                             "timm/resnet50.tv2_in1k", "timm/resnet50.a1_in1k", "`weights`"}) {
      EXPECT_NE(message.find(each), std::string::npos) << name << ": " << message;
    }
  }
  const std::string far = thrown_message<std::invalid_argument>([] { find_weight_set("resnet50d.ra4_e3600_r224_in"); });
  EXPECT_NE(far.find("timm/resnet50d.ra4_e3600_r224_in1k"), std::string::npos) << far;
  const std::string unknown = thrown_message<std::invalid_argument>([] { find_weight_set("resnet50e.ra2_in1k"); });
  EXPECT_NE(unknown.find("did you mean 'resnet50d.ra2_in1k'?"), std::string::npos) << unknown;
}

TEST(WeightSets, GiveTheirFactsToTheNetworkThatTheyAreNamedWith) {
  const Architecture& better = find_architecture("resnet50d.ra4_e3600_r224_in1k");
  const Architecture& usual = find_architecture("resnet50d");
  EXPECT_EQ(better.name, "resnet50d");
  EXPECT_EQ(better.full_name(), "resnet50d.ra4_e3600_r224_in1k");
  EXPECT_EQ(better.parameters, usual.parameters);
  EXPECT_EQ(better.top1, 81.830);
  EXPECT_NE(better.weights_url, usual.weights_url);
  EXPECT_EQ(usual.full_name(), "resnet50d");
  EXPECT_EQ(usual.weight_set, nullptr);
}

TEST(WeightSets, AreKnownByTheNamesAndHashesOfFiles) {
  EXPECT_EQ(weight_set_called("resnet50-11ad3fa6")->name, "resnet50.IMAGENET1K_V2");
  EXPECT_EQ(weight_set_called("resnet50.a1_in1k")->name, "resnet50.a1_in1k");
  EXPECT_EQ(weight_set_called("resnet50"), nullptr);
  EXPECT_EQ(weight_set_called("model"), nullptr);
  EXPECT_EQ(weight_set_with_hash("0676ba61" + std::string(56, '0'))->name, "resnet50.IMAGENET1K_V1");
  EXPECT_EQ(weight_set_with_hash(std::string(64, '0')), nullptr);
}

}  // namespace
}  // namespace margay::model
