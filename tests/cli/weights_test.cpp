#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/weights/pretrained.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

class WeightsCommand : public testing::Test {
 protected:
  std::string write(const std::string& name, const model::TensorMap& tensors, const model::Metadata& metadata = {}) {
    model::write_safetensors(folder_ / name, tensors, metadata);
    return path(name);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  model::TensorMap read(const std::string& name) const { return model::read_safetensors(folder_ / name).tensors; }

  testing_support::TemporaryFolder folder_;
};

TEST_F(WeightsCommand, InspectShowsEveryTensor) {
  const std::string file =
      write("a.safetensors", {{"x", torch::tensor({1.0F, -3.0F, 5.0F})}}, {{"note", "two\nlines"}});
  const CommandResult result = run_command({"weights", "inspect", file});
  EXPECT_EQ(result.status, 0);
  expect_part(result.output, "format   safetensors\nnetwork  none that is known\ntensors  1: 3 values, 12 bytes\n");
  expect_part(result.output, "metadata note: two lines\n");
  expect_part(result.output, "x       float32  [3]       12   -3    5     1\n");
}

TEST_F(WeightsCommand, InspectNamesTheNetwork) {
  const std::string file =
      write("a.safetensors", model::make_classifier({.architecture = "resnet20", .num_classes = 2})->state());
  const auto json = nlohmann::json::parse(run_command({"weights", "inspect", file, "--json"}).output);
  EXPECT_EQ(json[0]["network"]["name"], "resnet20");
  EXPECT_EQ(json[0]["network"]["naming"], "margay");
  EXPECT_EQ(json[0]["tensors"][0]["dtype"], "float32");
}

TEST_F(WeightsCommand, DiffExitsAsDiffDoes) {
  const std::string a = write("a.safetensors", {{"x", torch::tensor({1.0F, 2.0F})}, {"y", torch::ones({2})}});
  const std::string b = write("b.safetensors", {{"x", torch::tensor({1.0F, 2.5F})}, {"z", torch::ones({2})}});
  EXPECT_EQ(run_command({"weights", "diff", a, a}).status, 0);
  const CommandResult result = run_command({"weights", "diff", a, b});
  EXPECT_EQ(result.status, 1);
  expect_part(result.output, "only in " + a + ":\n  y\n");
  expect_part(result.output, "only in " + b + ":\n  z\n");
  expect_part(result.output, "  x                      0.5              1 of 2\n");
  EXPECT_EQ(nlohmann::json::parse(run_command({"weights", "diff", a, b, "--json"}).output)["values"][0]["largest"],
            0.5);
}

TEST_F(WeightsCommand, ConvertCastsFractionsOnly) {
  const std::string file =
      write("a.safetensors", {{"x", torch::tensor({1.0F})}, {"n", torch::tensor({7})}}, {{"k", "v"}});
  ASSERT_EQ(run_command({"weights", "convert", file, path("b.safetensors"), "--to", "bf16"}).status, 0);
  EXPECT_EQ(read("b.safetensors").at("x").scalar_type(), torch::kBFloat16);
  EXPECT_EQ(read("b.safetensors").at("n").scalar_type(), torch::kLong);
  EXPECT_EQ(model::read_safetensors_metadata(folder_ / "b.safetensors").at("k"), "v");
}

TEST_F(WeightsCommand, ConvertRefusesWhatHalfCannotHold) {
  const std::string file = write("a.safetensors", {{"x", torch::tensor({1e6F})}});
  const CommandResult result = run_command({"weights", "convert", file, path("b.safetensors"), "--to", "half"});
  EXPECT_EQ(result.status, 3);
  expect_part(result.errors, "'x' has numbers that are too large for half");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b.safetensors"));
}

TEST_F(WeightsCommand, ConvertGivesOurNames) {
  const std::string file =
      write("a.safetensors", model::make_classifier({.architecture = "resnet20", .num_classes = 2})->state(),
            {{"margay", "{}"}});
  ASSERT_EQ(run_command({"weights", "convert", file, path("b.safetensors"), "--arch", "resnet20"}).status, 0);
  EXPECT_TRUE(read("b.safetensors").count("layer1.0.conv1.weight"));
  EXPECT_TRUE(model::read_safetensors_metadata(folder_ / "b.safetensors").empty());
  const CommandResult other = run_command({"weights", "convert", file, path("c.safetensors"), "--arch", "resnet18"});
  EXPECT_EQ(other.status, 3);
  expect_part(other.errors, "they look like resnet20's");
}

TEST_F(WeightsCommand, ConvertsATrainedModelIntoWeightsThatAreRead) {
  const auto trained = model::make_classifier({.architecture = "resnet20", .num_classes = 2});
  const std::string file = write("model.margay", trained->state());
  ASSERT_EQ(run_command({"weights", "convert", file, path("mine.safetensors"), "--arch", "resnet20"}).status, 0);
  const auto other = model::make_classifier({.architecture = "resnet20", .num_classes = 3});
  EXPECT_FALSE(model::load_pretrained(*other, folder_ / "mine.safetensors").has_kept_head);
  const auto same = model::make_classifier({.architecture = "resnet20", .num_classes = 2});
  const auto loaded = model::load_pretrained(*same, folder_ / "mine.safetensors", {.head = model::HeadWeights::kAny});
  EXPECT_TRUE(loaded.has_kept_head);
  for (const auto& [name, tensor] : trained->state()) EXPECT_TRUE(torch::equal(same->state().at(name), tensor)) << name;
}

/// A bundle has RGB already; the weights that are made of it say caffe, so they are turned when they are read.
TEST_F(WeightsCommand, ConvertsAModelOfCaffesArithmeticIntoBgrAgain) {
  const model::ClassifierOptions options{
      .architecture = "resnet18", .num_classes = 2, .arithmetic = model::Arithmetic::kCaffe};
  const auto trained = model::make_classifier(options);
  const std::string file =
      write("model.margay", trained->state(), {{"margay", R"({"classifier": {"arithmetic": "caffe"}})"}});
  ASSERT_EQ(run_command({"weights", "convert", file, path("mine.safetensors"), "--arch", "resnet18"}).status, 0);
  const auto again = model::make_classifier(options);
  model::load_pretrained(*again, folder_ / "mine.safetensors");
  const std::string first = "backbone.conv1.weight";
  EXPECT_TRUE(torch::equal(again->state().at(first), trained->state().at(first)));
}

TEST_F(WeightsCommand, TellsWhatWeightsExpectAndConvertKeepsIt) {
  model::TensorMap state;
  for (const auto& [name, tensor] : model::make_classifier({.architecture = "efficientnet_b0"})->state()) {
    if (name.starts_with("backbone.")) state[name.substr(9)] = tensor;
  }
  const std::string file = write("tf_efficientnet_b0_ap.safetensors", state);
  expect_part(run_command({"weights", "inspect", file}).output,
              "\nexpects  tf_efficientnet_b0_ap (by the file's name): arithmetic tensorflow, mean 0.5,0.5,0.5, ");
  ASSERT_EQ(run_command({"weights", "convert", file, path("mine.safetensors"), "--arch", "efficientnet_b0"}).status, 0);
  const auto json =
      nlohmann::json::parse(run_command({"weights", "inspect", path("mine.safetensors"), "--json"}).output)[0];
  EXPECT_EQ(json["expects"]["arithmetic"], "tensorflow");
  EXPECT_EQ(json["expects"]["told_by"], "its metadata");
  EXPECT_EQ(json["expects"]["mean"][0], 0.5);
}

TEST_F(WeightsCommand, RefusesWhatHasNoMeaning) {
  const std::string file = write("a.safetensors", {{"x", torch::tensor({1.0F})}});
  EXPECT_EQ(run_command({"weights", "convert", file}).status, 2);
  expect_part(run_command({"weights", "convert", file, file}).errors, "does not write over the file that it reads");
  expect_part(run_command({"weights", "convert", folder_.path().string(), file}).errors, "does not write over");
  EXPECT_EQ(run_command({"weights", "diff", file}).status, 2);
  EXPECT_EQ(run_command({"weights", "inspect", file, "--to", "half"}).status, 2);
  EXPECT_EQ(run_command({"weights", "inspect", path("missing")}).status, 3);
}

}  // namespace
}  // namespace margay::cli
