#include "margay/run/pretrained_weights.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/model/classifier.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/temporary_folder.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using testing_support::write;

constexpr const char* kHashOfWeights = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";  // of "test"

class WeightsOnThisMachine : public testing::Test {
 protected:
  WeightsSearch search(const std::string& name) const {
    return find_weights_at_hand(model::find_architecture(name), places_);
  }

  testing_support::TemporaryFolder folder_;
  fetch::KnownPlaces places_{.cache = folder_ / "margay", .torch_hub = folder_ / "hub", .hugging_face = folder_ / "hf"};
};

TEST_F(WeightsOnThisMachine, AreNoneWhereNothingLies) {
  EXPECT_FALSE(search("resnet18").found);
  EXPECT_FALSE(find_weights_at_hand(model::find_architecture("resnet18"), {}).found);
}

TEST_F(WeightsOnThisMachine, AreMargaysOwnFirst) {
  write(folder_ / "margay/weights/vgg16.pth", "test");
  write(folder_ / "hub/vgg16-9f86d081.pth", "test");
  const WeightsSearch search_result = search("vgg16");
  EXPECT_EQ(search_result.found->file, folder_ / "margay/weights/vgg16.pth");
  EXPECT_EQ(search_result.found->sha256, kHashOfWeights);
  EXPECT_EQ(
      weights_text(*search_result.found),
      "vgg16.pth from Margay's cache: " + (folder_ / "margay/weights/vgg16.pth").string() + ", SHA-256 9f86d081884c…");
}

TEST_F(WeightsOnThisMachine, AreThoseOfTheTableThoughTheCacheHasOthers) {
  write(folder_ / "hf/models--timm--resnet18.a1_in1k/snapshots/c/model.safetensors", "test");
  write(folder_ / "hf/models--timm--resnet18.tv_in1k/snapshots/c/model.safetensors", "test");
  EXPECT_EQ(search("resnet18").found->name, "timm/resnet18.tv_in1k");
}

TEST_F(WeightsOnThisMachine, AreOnlyThoseThatWereNamed) {
  write(folder_ / "hf/models--timm--resnet50d.ra2_in1k/snapshots/c/model.safetensors", "test");
  const WeightsSearch without = search("resnet50d.ra4_e3600_r224_in1k");
  EXPECT_FALSE(without.found);
  ASSERT_EQ(without.warnings.size(), 1U);
  EXPECT_NE(without.warnings[0].find("it holds timm/resnet50d.ra2_in1k, not resnet50d.ra4_e3600_r224_in1k"),
            std::string::npos);
  write(folder_ / "hf/models--timm--resnet50d.ra4_e3600_r224_in1k/snapshots/c/model.safetensors", "test");
  EXPECT_EQ(search("resnet50d.ra4_e3600_r224_in1k").found->name, "timm/resnet50d.ra4_e3600_r224_in1k");
  write(folder_ / "margay/weights/resnet50d.ra4_e3600_r224_in1k.safetensors", "test");
  EXPECT_EQ(search("resnet50d.ra4_e3600_r224_in1k").found->place, "Margay's cache");
}

TEST(PretrainedRecord, TellsTheLicenceOfWhatAModelBeganFrom) {
  const testing_support::TemporaryFolder folder;
  EXPECT_TRUE(pretrained_record("resnet18", "").is_null());
  const auto named = pretrained_record("convnextv2_atto.fcmae_ft_in1k", folder / "mine.pth");
  EXPECT_EQ(named["weights"], "convnextv2_atto.fcmae_ft_in1k");
  EXPECT_EQ(named["licence"], "cc-by-nc-4.0");
  EXPECT_EQ(pretrained_record("resnet50", folder / "resnet50-11ad3fa6.pth")["publisher"], "torchvision");
  EXPECT_TRUE(pretrained_record("resnet50", folder / "mine.pth").is_null());
}

TEST(PretrainedRecord, StaysWithTheRunWhenTheWeightsHaveGone) {
  const testing_support::TemporaryFolder run;
  const std::string header = R"({"provenance": {"pretrained": {"weights": "x.y", "licence": "cc-by-nc-4.0"}}})";
  model::write_safetensors(run / "pets.margay", {}, {{"margay", header}});
  keep_pretrained_record(run.path(), "resnet50", run / "pets.margay");
  fs::remove(run / "pets.margay");
  EXPECT_EQ(kept_pretrained_record(run.path(), "resnet50", run / "pets.margay")["licence"], "cc-by-nc-4.0");
  write(run / "pretrained.json", "{");
  EXPECT_THROW(kept_pretrained_record(run.path(), "resnet50", ""), core::FormatError);
}

TEST(PretrainedRecord, IsHandedOnByAModelOfMargays) {
  const testing_support::TemporaryFolder folder;
  const std::string header = R"({"provenance": {"pretrained": {"weights": "x.y", "licence": "cc-by-nc-4.0"}}})";
  model::write_safetensors(folder / "pets.margay", {}, {{"margay", header}});
  EXPECT_EQ(pretrained_record("resnet50", folder / "pets.margay")["licence"], "cc-by-nc-4.0");
}

TEST_F(WeightsOnThisMachine, AreLeftOutWhereTheirHashIsAnotherThanTheirName) {
  write(folder_ / "hub/vgg16-397923af.pth", "cut");
  const WeightsSearch search_result = search("vgg16");
  EXPECT_FALSE(search_result.found);
  ASSERT_EQ(search_result.warnings.size(), 1U);
  EXPECT_NE(search_result.warnings[0].find("vgg16-397923af.pth is left out: its SHA-256 is"), std::string::npos);
}

TEST_F(WeightsOnThisMachine, OfAnotherRecipeMustBeTheNetworksAndTheOnlyOnes) {
  const fs::path file = folder_ / "hf/models--timm--squeezenet1_1.x/snapshots/c/model.safetensors";
  fs::create_directories(file.parent_path());
  model::write_safetensors(file, model::make_classifier({.architecture = "squeezenet1_1", .num_classes = 2})->state());
  EXPECT_EQ(search("squeezenet1_1").found->name, "timm/squeezenet1_1.x");
  write(folder_ / "hf/models--timm--squeezenet1_0.x/snapshots/c/model.safetensors",
        testing_support::file_content(file));
  EXPECT_NE(search("squeezenet1_0").warnings.at(0).find("its tensors are not those of squeezenet1_0"),
            std::string::npos);
  write(folder_ / "hf/models--timm--squeezenet1_1.y/snapshots/c/model.safetensors", "x");
  const WeightsSearch two = search("squeezenet1_1");
  EXPECT_FALSE(two.found);
  EXPECT_NE(two.warnings.at(0).find("several weights of squeezenet1_1"), std::string::npos);
}

}  // namespace
}  // namespace margay::run
