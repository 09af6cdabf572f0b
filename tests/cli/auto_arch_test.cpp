#include "margay/run/choose_architecture.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_training.h"
#include "tests/support/tiny_weights.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::expect_part;

TEST(ChoiceText, SaysWhatAndWhy) {
  const std::vector<train::NetworkCandidate> candidates = {
      {.name = "small", .top1 = 60, .images_per_s = 40, .is_measured = true},
      {.name = "middle", .top1 = 70, .images_per_s = 20, .is_measured = true},
      {.name = "large", .top1 = 80, .images_per_s = 10}};
  const train::TrainingDemand demand{.train_images = 600, .epochs = 4, .minutes = 3};
  EXPECT_EQ(
      run::choice_text(candidates, demand, train::choose_network(candidates, demand)),
      "arch auto: middle (70.0 % on ImageNet) about 2.0 minutes of the 3.0 minutes for 4 epochs at 20.0 images/s; "
      "next: small (60.0 % on ImageNet) about 1.0 minutes; too slow: large (80.0 % on ImageNet) about 4.0 "
      "minutes, not measured");
}

class AutoArch : public testing_support::TinyTraining {
 protected:
  CommandResult train_auto(const std::vector<std::string>& more) const {
    std::vector<std::string> line = {"train",          images_.string(),
                                     "--arch",         "auto",
                                     "--resize",       "24",
                                     "--size",         "16",
                                     "--batch-size",   "4",
                                     "--num-workers",  "1",
                                     "--device",       "cpu",
                                     "--precision",    "fp32",
                                     "--epochs",       "1",
                                     "--runs",         runs_.string(),
                                     "--cache-folder", (folder_ / "cache").string()};
    line.insert(line.end(), more.begin(), more.end());
    return testing_support::run_command(line);
  }
};

TEST_F(AutoArch, NeedsTheMinutes) {
  const CommandResult result = train_auto({});
  EXPECT_EQ(result.status, 2);
  expect_part(result.errors, "give --minutes");
}

TEST_F(AutoArch, ChoosesAmongTheWeightsOfAFolder) {
  testing_support::write_backbone(folder_ / "weights", "resnet20");
  const CommandResult result =
      train_auto({"--minutes", "0.1", "--weights", (folder_ / "weights").string(), "--freeze-epochs", "1"});
  EXPECT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, "arch auto: resnet20 (no published accuracy) about ");
  expect_part(result.output, "for 2 epochs");
  const auto config = nlohmann::json::parse(testing_support::file_content(run_folder() / "config.json"));
  EXPECT_EQ(config["arch"], "resnet20");
  EXPECT_EQ(config["vision_learner"]["weights"], (folder_ / "weights/resnet20.safetensors").string());
}

TEST_F(AutoArch, RefusesAFileAndAFolderWithoutNetworks) {
  testing_support::TemporaryFolder empty;
  const CommandResult none = train_auto({"--minutes", "1", "--weights", empty.path().string()});
  EXPECT_EQ(none.status, 3);
  expect_part(none.errors,
              "holds no weights of a network (NAME.safetensors, NAME.pth …); `margay fetch NAME --to FOLDER`");
  const CommandResult missing = train_auto({"--minutes", "1", "--weights", (folder_ / "missing").string()});
  EXPECT_EQ(missing.status, 3);
  expect_part(missing.errors, "missing: is no folder with weights of several networks");
  testing_support::write(folder_ / "resnet18.safetensors", "");
  const CommandResult file = train_auto({"--minutes", "1", "--weights", (folder_ / "resnet18.safetensors").string()});
  EXPECT_EQ(file.status, 2);
  expect_part(file.errors, "takes a folder with weights of several networks");
}

}  // namespace
}  // namespace margay::cli
