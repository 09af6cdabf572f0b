#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::naming_of;
using testing_support::renamed;

/// Collects what a network of timm's is made of, by our names.
class TimmNames {
 public:
  explicit TimmNames(const std::string& network) : naming_(naming_of(find_architecture(network), "timm")) {}
  void add(const std::string& name) { EXPECT_TRUE(ours_.insert(renamed(naming_, name)).second) << name; }
  void add_layer(const std::string& name) {
    for (const char* each : {"weight", "bias"}) add(name + "." + each);
  }
  void add_norm(const std::string& name) {
    add_layer(name);
    for (const char* each : {"running_mean", "running_var", "num_batches_tracked"}) add(name + "." + each);
  }
  const std::set<std::string>& ours() const { return ours_; }

 private:
  Naming naming_;
  std::set<std::string> ours_;
};

std::set<std::string> own_names(const std::string& network) {
  const Architecture& architecture = find_architecture(network);
  const auto backbone = architecture.build({});
  std::set<std::string> names;
  const auto collect = [&names](const torch::nn::Module& module) {
    for (const auto& each : module.named_parameters()) names.insert(each.key());
    for (const auto& each : module.named_buffers()) names.insert(each.key());
  };
  collect(*backbone);
  collect(*backbone->make_published_head(10));
  return names;
}

/// How many blocks each stage of timm's has, the first of which does not expand, and whether they squeeze.
struct InvertedResiduals {
  std::vector<int> blocks;
  std::vector<std::string> squeeze_layers;
};

void add_blocks(TimmNames& names, const InvertedResiduals& network) {
  for (std::size_t stage = 0; stage < network.blocks.size(); ++stage) {
    for (int block = 0; block < network.blocks[stage]; ++block) {
      const std::string at = fmt::format("blocks.{}.{}.", stage, block);
      const std::vector<std::string> convs = stage == 0 ? std::vector<std::string>{"conv_dw", "conv_pw"}
                                                        : std::vector<std::string>{"conv_pw", "conv_dw", "conv_pwl"};
      for (std::size_t i = 0; i < convs.size(); ++i) {
        names.add(at + convs[i] + ".weight");
        names.add_norm(fmt::format("{}bn{}", at, i + 1));
      }
      for (const std::string& layer : network.squeeze_layers) names.add_layer(at + layer);
    }
  }
}

std::set<std::string> names_around(const std::string& name, const InvertedResiduals& network) {
  TimmNames names(name);
  for (const char* each : {"conv_stem.weight", "conv_head.weight"}) names.add(each);
  for (const char* each : {"bn1", "bn2"}) names.add_norm(each);
  names.add_layer("classifier");
  add_blocks(names, network);
  return names.ours();
}

TEST(TimmNames, OfMobileNetV2HaveTheirPlaces) {
  EXPECT_EQ(names_around("mobilenet_v2", {{1, 2, 3, 4, 3, 3, 1}, {}}), own_names("mobilenet_v2"));
}

TEST(TimmNames, OfEfficientNetHaveTheirPlaces) {
  const std::vector<std::string> squeeze{"se.conv_reduce", "se.conv_expand"};
  EXPECT_EQ(names_around("efficientnet_b0", {{1, 2, 2, 3, 3, 4, 1}, squeeze}), own_names("efficientnet_b0"));
}

/// squeezed: whether the blocks of each stage squeeze.
std::set<std::string> names_of_v3(const std::string& name, const std::vector<int>& blocks,
                                  const std::vector<bool>& squeezed) {
  TimmNames names(name);
  names.add("conv_stem.weight");
  names.add_norm("bn1");
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    const std::vector<std::string> convs = stage == 0 ? std::vector<std::string>{"conv_dw", "conv_pw"}
                                                      : std::vector<std::string>{"conv_pw", "conv_dw", "conv_pwl"};
    for (int block = 0; block < blocks[stage]; ++block) {
      const std::string at = fmt::format("blocks.{}.{}.", stage, block);
      for (std::size_t i = 0; i < convs.size(); ++i) {
        names.add(at + convs[i] + ".weight");
        names.add_norm(fmt::format("{}bn{}", at, i + 1));
      }
      if (!squeezed[stage]) continue;
      for (const char* each : {"se.conv_reduce", "se.conv_expand"}) names.add_layer(at + each);
    }
  }
  names.add(fmt::format("blocks.{}.0.conv.weight", blocks.size()));
  names.add_norm(fmt::format("blocks.{}.0.bn1", blocks.size()));
  for (const char* each : {"conv_head", "classifier"}) names.add_layer(each);
  return names.ours();
}

TEST(TimmNames, OfMobileNetV3HaveTheirPlaces) {
  EXPECT_EQ(names_of_v3("mobilenet_v3_large", {1, 2, 3, 4, 2, 3}, {false, false, true, false, true, true}),
            own_names("mobilenet_v3_large"));
  EXPECT_EQ(names_of_v3("mobilenet_v3_small", {1, 2, 3, 2, 3}, {true, false, true, true, true}),
            own_names("mobilenet_v3_small"));
}

TEST(TimmNames, OfConvNextHaveTheirPlaces) {
  TimmNames names("convnext_tiny");
  for (const char* each : {"stem.0", "stem.1", "head.norm", "head.fc"}) names.add_layer(each);
  const std::vector<int> blocks{3, 3, 9, 3};
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int i = 0; stage > 0 && i < 2; ++i) names.add_layer(fmt::format("stages.{}.downsample.{}", stage, i));
    for (int block = 0; block < blocks[stage]; ++block) {
      const std::string at = fmt::format("stages.{}.blocks.{}.", stage, block);
      for (const char* each : {"conv_dw", "norm", "mlp.fc1", "mlp.fc2"}) names.add_layer(at + each);
      names.add(at + "gamma");
    }
  }
  EXPECT_EQ(names.ours(), own_names("convnext_tiny"));
}

TEST(TimmNames, OfEfficientNetV2HaveTheirPlaces) {
  TimmNames names("efficientnet_v2_s");
  for (const char* each : {"conv_stem.weight", "conv_head.weight"}) names.add(each);
  for (const char* each : {"bn1", "bn2"}) names.add_norm(each);
  names.add_layer("classifier");
  const std::vector<int> blocks{2, 4, 4, 6, 9, 15};
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    const std::vector<std::string> convs = stage == 0  ? std::vector<std::string>{"conv"}
                                           : stage < 3 ? std::vector<std::string>{"conv_exp", "conv_pwl"}
                                                       : std::vector<std::string>{"conv_pw", "conv_dw", "conv_pwl"};
    for (int block = 0; block < blocks[stage]; ++block) {
      const std::string at = fmt::format("blocks.{}.{}.", stage, block);
      for (std::size_t i = 0; i < convs.size(); ++i) {
        names.add(at + convs[i] + ".weight");
        names.add_norm(fmt::format("{}bn{}", at, i + 1));
      }
      if (stage < 3) continue;
      for (const char* each : {"se.conv_reduce", "se.conv_expand"}) names.add_layer(at + each);
    }
  }
  EXPECT_EQ(names.ours(), own_names("efficientnet_v2_s"));
}

TEST(TimmNames, OfRegNetHaveTheirPlaces) {
  TimmNames names("regnet_y_400mf");
  names.add("stem.conv.weight");
  names.add_norm("stem.bn");
  names.add_layer("head.fc");
  const std::vector<int> blocks{1, 3, 6, 6};
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int block = 0; block < blocks[stage]; ++block) {
      const std::string at = fmt::format("s{}.b{}.", stage + 1, block + 1);
      for (const char* each : {"conv1", "conv2", "conv3"}) {
        names.add(at + each + ".conv.weight");
        names.add_norm(at + each + ".bn");
      }
      for (const char* each : {"se.fc1", "se.fc2"}) names.add_layer(at + each);
      if (block > 0) continue;
      names.add(at + "downsample.conv.weight");
      names.add_norm(at + "downsample.bn");
    }
  }
  EXPECT_EQ(names.ours(), own_names("regnet_y_400mf"));
}

}  // namespace
}  // namespace margay::model
