#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_training.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;

TEST(ModelShow, DescribesThePublishedNetwork) {
  const CommandResult result = run_command({"model", "show", "resnet20", "--batch-size", "4"});
  EXPECT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "resnet20, 10 classes\n");
  expect_part(result.output, "\nbody-early  backbone.conv1  ");
  expect_part(result.output, "  Conv2d               [4,16,32,32]         432        yes");
  expect_part(result.output, "all             272474     272474");
  expect_part(result.output, "0.04081 GMACs an image of 64 pixels");
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
