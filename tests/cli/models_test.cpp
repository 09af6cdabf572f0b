#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/run/choose_architecture.h"
#include "margay/run/speed_records.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_training.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

/// With a cache folder of its own.
class ModelsCommand : public testing::Test {
 protected:
  ModelsCommand() {
    if (const char* cache = std::getenv("XDG_CACHE_HOME")) before_ = cache;
    ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
  }
  ~ModelsCommand() override {
    if (before_.empty()) {
      ::unsetenv("XDG_CACHE_HOME");
    } else {
      ::setenv("XDG_CACHE_HOME", before_.c_str(), 1);
    }
  }

  static CommandResult bench() {
    return run_command({"models", "bench", "resnet20", "--batch-size", "2", "--size", "32", "--seconds", "0",
                        "--device", "cpu", "--precision", "fp32"});
  }

  testing_support::TemporaryFolder folder_;
  std::string before_;
};

TEST_F(ModelsCommand, ListsTheTable) {
  const CommandResult result = run_command({"models"});
  EXPECT_EQ(result.status, 0);
  expect_part(result.output, "name");
  expect_part(result.output, "resnet18");
  expect_part(result.output, "11.7 M");
  expect_part(result.output, "torchvision IMAGENET1K_V1");
}

TEST_F(ModelsCommand, SearchesNamesAndFamiliesInAnyCase) {
  const CommandResult by_name = run_command({"models", "--search", "RESNET20"});
  EXPECT_EQ(by_name.output.find("resnet18"), std::string::npos);
  expect_part(by_name.output, "resnet20  ResNet      0.27 M  0.0411      64        –  –\n");
  const CommandResult nothing = run_command({"models", "--search", "no such"});
  EXPECT_EQ(nothing.status, 2);
  expect_part(nothing.errors, "no name or family contains 'no such'");
}

TEST_F(ModelsCommand, ListsSetsOfWeights) {
  const std::string sets = run_command({"models", "--weights", "--search", "resnet50."}).output;
  EXPECT_NE(sets.find("resnet50.IMAGENET1K_V2"), std::string::npos);
  EXPECT_NE(sets.find("resnet50.tv_in1k *"), std::string::npos);
  const auto facts = nlohmann::json::parse(run_command({"models", "--weights", "--search", "ra4", "--json"}).output);
  ASSERT_FALSE(facts.empty());
  EXPECT_TRUE(facts[0]["licence"].is_null());
  EXPECT_EQ(facts[0]["mean"], nlohmann::json({0.5, 0.5, 0.5}));
  const CommandResult nothing = run_command({"models", "--weights", "--search", "no such"});
  EXPECT_EQ(nothing.status, 2);
  expect_part(nothing.errors, "no weights, network or publisher contains 'no such'");
}

TEST_F(ModelsCommand, MarksNetworksThatNoOracleHasComputedWith) {
  const std::string marked = run_command({"models", "--search", "dinov2"}).output;
  expect_part(marked, "timm lvd142m (names and shapes only)");
  EXPECT_EQ(run_command({"models", "--search", "resnet"}).output.find("names and shapes"), std::string::npos);
  const auto json = nlohmann::json::parse(run_command({"models", "--search", "resnet18", "--json"}).output);
  EXPECT_EQ(json[0]["oracle"], "torchvision");
  EXPECT_EQ(json[1]["oracle"], "torchvision's layers");
}

TEST_F(ModelsCommand, GivesJson) {
  const auto json = nlohmann::json::parse(run_command({"models", "--search", "resnet20", "--json"}).output);
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["name"], "resnet20");
  EXPECT_EQ(json[0]["parameters"], 272'474);
  EXPECT_TRUE(json[0]["top1"].is_null());
  EXPECT_TRUE(json[0]["speed_here"].is_null());
}

TEST_F(ModelsCommand, ShowsWhatBenchHasMeasured) {
  EXPECT_EQ(run_command({"models"}).output.find("images/s here"), std::string::npos);
  const CommandResult measured = bench();
  EXPECT_EQ(measured.status, 0) << measured.errors;
  expect_part(measured.output, "training, images/s");
  expect_part(measured.output, "fp32");
  const CommandResult listed = run_command({"models", "--search", "resnet"});
  expect_part(listed.output, "images/s here");
  expect_part(listed.output, "(fp32, ");
  const auto json = nlohmann::json::parse(run_command({"models", "--search", "resnet20", "--json"}).output);
  EXPECT_EQ(json[0]["speed_here"]["size"], 32);
}

TEST_F(ModelsCommand, GoesOnBesideADamagedFileOfSpeeds) {
  testing_support::write(folder_ / "margay/speeds.json", "{");
  const CommandResult listed = run_command({"models"});
  EXPECT_EQ(listed.status, 0);
  expect_part(listed.errors, "speeds.json: does not hold measured speeds");
  EXPECT_EQ(bench().status, 0);
  EXPECT_EQ(run_command({"models"}).errors, "");
}

TEST_F(ModelsCommand, RefusesWhatHasNoMeaning) {
  expect_part(run_command({"models", "--seconds", "1"}).errors, "--seconds needs the action bench");
  expect_part(run_command({"models", "list", "resnet18"}).errors, "list takes no name");
  expect_part(run_command({"models", "bench", "resnet-20"}).errors, "did you mean 'resnet20'?");
  EXPECT_EQ(run_command({"models", "lost"}).status, 2);
}

TEST_F(ModelsCommand, KeepsSpeedsOfOtherMachines) {
  run::SpeedRecords records(folder_ / "speeds.json");
  records.put({.name = "resnet18", .host = "another", .train_images_per_s = 1});
  records.put({.name = "resnet18", .host = core::host_name(), .train_images_per_s = 2});
  records.put({.name = "resnet18", .host = core::host_name(), .train_images_per_s = 3});
  records.save();
  run::SpeedRecords read(folder_ / "speeds.json");
  read.load();
  ASSERT_TRUE(read.find("resnet18"));
  EXPECT_EQ(read.find("resnet18")->train_images_per_s, 3);
  EXPECT_FALSE(read.find("resnet34"));
  expect_part(testing_support::file_content(folder_ / "speeds.json"), "another");
}

TEST(ModelShow, DescribesThePublishedNetwork) {
  const CommandResult result = run_command({"model", "show", "resnet20", "--batch-size", "4"});
  EXPECT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "resnet20, 10 classes\n");
  expect_part(result.output, "\nbody-early  backbone.conv1  ");
  expect_part(result.output, "  Conv2d               [4,16,32,32]         432        yes");
  expect_part(result.output, "all             272474     272474");
  expect_part(result.output, "0.04081 GMACs for an image of 64 pixels");
}

TEST(ModelShow, DescribesWhatTrainingMakesOfIt) {
  const CommandResult result =
      run_command({"model", "show", "resnet20", "--classes", "3", "--frozen", "--size", "32", "--json"});
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_EQ(json["classifier"]["num_classes"], 3);
  EXPECT_EQ(json["classifier"]["head"]["kind"], "fastai");
  EXPECT_EQ(json["image_px"], 32);
  EXPECT_EQ(json["batch_size"], 64);
  EXPECT_EQ(json["rows"][0]["output"], (std::vector<int>{64, 16, 16, 16}));
  EXPECT_EQ(json["rows"][0]["trainable_parameters"], 0);
  EXPECT_LT(json["trainable_parameters"], json["parameters"]);
}

TEST(ModelShow, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(run_command({"model", "list", "resnet20"}).status, 2);
  expect_part(run_command({"model", "show", "resnet-20"}).errors, "did you mean 'resnet20'?");
  EXPECT_EQ(run_command({"model", "show", "/no/such.margay"}).status, 3);
}

class ModelShowTrained : public testing_support::TinyTraining {};

TEST_F(ModelShowTrained, TakesClassesAndSizeFromTheFile) {
  ASSERT_EQ(train().status, 0);
  const std::string model = (run_folder() / "model.margay").string();
  const CommandResult result = run_command({"model", "show", model});
  expect_part(result.output, "resnet20, 2 classes");
  expect_part(result.output, "an image of 16 pixels");
  EXPECT_EQ(run_command({"model", "show", model, "--classes", "3"}).status, 2);
}

}  // namespace

}  // namespace margay::cli
