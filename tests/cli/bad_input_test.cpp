#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_images.h"
#include "tests/support/tiny_weights.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using testing_support::CommandResult;
using testing_support::expect_part;
using testing_support::run_command;
using Arguments = std::vector<std::string>;

/// What a user may get wrong before anything is trained: the message names the thing and the remedy, the status says
/// whose turn it is. tests/e2e/bad_input has what needs a process or a model.
class BadInput : public testing::Test {
 protected:
  BadInput() { testing_support::write_tiny_images(images_, 3, 1); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// train, on these images, as fast as can be.
  CommandResult train(const std::string& images, const Arguments& more = {}) const {
    Arguments arguments = {"train",    images, "--arch",       "resnet20", "--resize", "24",  "--size", "16",
                           "--epochs", "1",    "--batch-size", "2",        "--device", "cpu", "--runs", path("runs")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }

  static void expect_refused(const CommandResult& result, int status, const Arguments& parts) {
    EXPECT_EQ(result.status, status) << result.errors;
    for (const std::string& part : parts) expect_part(result.errors, part);
  }

  const testing_support::TemporaryFolder folder_;
  const fs::path images_ = folder_ / "images";
};

TEST_F(BadInput, FoldersAndLabelsThatGiveNothing) {
  fs::create_directories(folder_ / "empty");
  expect_refused(train(path("empty")), 3, {"empty: no images in this folder"});
  expect_refused(train(images_.string(), {"--label-regex", R"(([a-z]+)_z\d+)"}), 3,
                 {"images get no label by the pattern", "0.png', '"});
  expect_refused(train(images_.string(), {"--label-regex", "no_group"}), 2, {"has no group"});
  testing_support::write(folder_ / "labels.csv", "name,label,is_valid\nghost.jpg,cat,0\nphantom.jpg,cat,1\n");
  expect_refused(train(images_.string(), {"--labels-csv", path("labels.csv")}), 3,
                 {"labels.csv: 2 of the 2 images listed are not in", "'ghost.jpg'"});
  expect_refused(train(images_.string(), {"--valid-csv", path("labels.csv")}), 3,
                 {"labels.csv: 8 images are not in this table"});
}

TEST_F(BadInput, WordsThatAreNearlyRight) {
  expect_refused(run_command({"train", images_.string(), "--epocs", "3"}), 2, {"did you mean '--epochs'"});
  expect_refused(run_command({"train", images_.string(), "--arch", "resnet81"}), 2,
                 {"resnet81", "did you mean 'resnet18'"});
}

TEST_F(BadInput, FoldersThatLookLikeASplitAndAreNoneThatCanBeFollowed) {
  fs::rename(images_ / "train", images_ / "Training");
  fs::rename(images_ / "valid", images_ / "Validation");
  fs::create_directories(images_ / "extra");
  fs::copy(images_ / "Training" / "flat", images_ / "extra" / "flat");
  expect_refused(train(images_.string()), 3,
                 {"'Training', 'Validation' look like a split, but 'extra'", "--train-folder and --valid-folder, or ",
                  "--valid-fraction"});
  const Arguments summary = {"summary",        images_.string(),         "--resize", "24", "--size", "16",
                             "--valid-folder", path("images/Validation")};
  Arguments named = summary;
  named.insert(named.end(), {"--train-folder", "Training"});
  const CommandResult result = run_command(named);
  EXPECT_EQ(result.status, 0) << result.errors;
  expect_part(result.output, " 6 train, 2 valid, 2 classes");
  expect_part(result.output, "left out 3 images outside the folders of --train-folder and --valid-folder: '");
  Arguments twice = summary;
  twice.insert(twice.end(), {"--valid-fraction", "0.1"});
  expect_refused(run_command(twice), 2, {"--valid-folder and --valid-fraction both set the split"});
  expect_refused(train(images_.string(), {"--train-folder", "nope"}), 3,
                 {"--train-folder: no image lies below a folder 'nope'; the folders here are 'Training', "});
}

TEST_F(BadInput, ClassesThatPeopleReadAsOne) {
  const std::string names = path("names");
  fs::create_directories(names);
  fs::copy(images_ / "train" / "flat", fs::path(names) / "cup");
  fs::copy(images_ / "train" / "flat", fs::path(names) / "Cup");
  expect_refused(train(names), 3,
                 {"/Cup: the classes 'Cup' (3 images, ", "differ only in case", "--similar-classes merge"});
  for (const char* command : {"lr-find", "bench-data", "show-batch"}) {
    expect_refused(run_command({command, names}), 3, {"differ only in case"});
  }
  const CommandResult summary = run_command({"summary", names});
  EXPECT_EQ(summary.status, 3);
  expect_part(summary.output, "problem ");
  expect_part(summary.output, "differ only in case");
  const CommandResult merged = run_command({"summary", names, "--valid-fraction", "0", "--similar-classes", "merge"});
  EXPECT_EQ(merged.status, 0) << merged.output;
  expect_part(merged.output, "warning: 1 label is read as the class that it resembles (--similar-classes merge): ");
  const CommandResult kept = run_command({"summary", names, "--valid-fraction", "0", "--similar-classes", "keep"});
  EXPECT_EQ(kept.status, 0) << kept.output;
  expect_part(kept.output, " 6 train, 0 valid, 2 classes");
  const CommandResult check = run_command({"check", names});
  EXPECT_EQ(check.status, 3);
  expect_part(check.output, "'Cup', 'cup'");
}

TEST_F(BadInput, NamesThatAreNotUtf8BeginNoRun) {
  expect_refused(train(path("nam\xE9s")), 2, {"folder", "nam<E9>s' is not UTF-8"});
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

/// Settings and recipes pass the same door as tables.
TEST_F(BadInput, SettingsInOtherCharacters) {
  testing_support::write(folder_ / "recipe", std::string("\xFF\xFE"
                                                         "f\0r\0e\0e\0z\0e\0 \0",
                                                         16));
  expect_refused(run_command({"train", images_.string(), "--recipe", path("recipe")}), 2, {"recipe: [recipe] line 1"});
  testing_support::write(folder_ / "config.json", "{\"epochs\": \"caf\xE9\"}");
  expect_refused(run_command({"train", images_.string(), "--config", path("config.json")}), 2,
                 {"config.json: line 1: the byte E9"});
}

TEST_F(BadInput, FilesThatAreNoWeights) {
  testing_support::write(folder_ / "torn.margay", std::string("\x90\x01\0\0\0\0\0\0{\"a\": {", 16));
  expect_refused(run_command({"predict", path("torn.margay"), images_.string()}), 3, {"torn.margay: "});
  const std::string image = (images_ / "valid" / "flat" / "0.png").string();
  EXPECT_EQ(run_command({"predict", image, image}).status, 3);
  expect_refused(train(images_.string(), {"--weights", path("torn.margay")}), 3, {"torn.margay: "});
  expect_refused(train(images_.string(), {"--weights", path("nowhere.pth")}), 3,
                 {"nowhere.pth: does not exist, and nothing is downloaded without being asked"});
  expect_refused(run_command({"train", images_.string(), "--arch", "resnet18", "--weights", path("nowhere.pth")}), 3,
                 {"`margay fetch resnet18` gets torchvision IMAGENET1K_V1, which --weights auto then finds"});
  expect_refused(run_command({"probe", images_.string(), "--arch", "resnet18", "--weights", path("no weights")}), 3,
                 {"`margay fetch resnet18` gets"});
  expect_refused(run_command({"probe", images_.string(), "--compare", "resnet18,resnet20", "--weights", "none"}), 2,
                 {"--weights none is for one network; --compare takes a folder of weights"});
  expect_refused(train(images_.string(), {"--weights", image, "--weights-sha256", std::string(64, '0')}), 3,
                 {image + ": has the SHA-256 ", ", expected 0"});
}

TEST_F(BadInput, TrainingsFromAProbeThatCannotBe) {
  const std::string weights = testing_support::write_backbone(folder_ / "weights", "resnet20").string();
  testing_support::write(folder_ / "recipe", "probe\nunfreeze 1 epoch at 1e-4\n");
  const auto refused = [&](const std::string& part, const Arguments& flags) {
    Arguments line = {"train", images_.string(), "--arch", "resnet20", "--size", "16", "--runs", path("runs")};
    line.insert(line.end(), flags.begin(), flags.end());
    expect_refused(run_command(line), 2, {part});
  };
  const auto refused_with_probe = [&](const std::string& part, Arguments flags) {
    flags.insert(flags.end(), {"--init-head", "probe", "--weights", weights});
    refused(part, flags);
  };
  refused("give --weights", {"--init-head", "probe"});
  refused_with_probe("--recipe", {"--recipe", path("recipe")});
  refused_with_probe("--freeze-epochs", {"--freeze-epochs", "2"});
  refused_with_probe("--reduce-on-plateau", {"--reduce-on-plateau"});
  refused_with_probe("--swa", {"--swa"});
  refused_with_probe("linear", {"--head", "fastai", "--hidden", "64"});
  refused("--keep", {"--keep", "last"});
  refused("--tune-lr", {"--tune-lr", "1e-3"});
}

/// Pickles are only taken down; this one asks for a command.
TEST_F(BadInput, WeightsThatWouldRunAProgram) {
  const fs::path owned = folder_ / "owned";
  const std::string command = "touch " + owned.string();
  std::string pickle(
      "\x80\x02"
      "cposix\nsystem\nX",
      17);
  pickle += static_cast<char>(command.size());
  pickle += std::string(3, '\0') + command + "\x85R.";
  testing_support::write(folder_ / "attack.pth", pickle);
  expect_refused(train(images_.string(), {"--weights", path("attack.pth")}), 3,
                 {"attack.pth: [pickle] at byte 2: it wants posix.system; refused"});
  EXPECT_FALSE(fs::exists(owned));
}

/// Root may write anywhere, so a file stands in the way.
TEST_F(BadInput, FoldersThatCannotBeWritten) {
  testing_support::write(folder_ / "occupied", "");
  expect_refused(run_command({"train", images_.string(), "--arch", "resnet20", "--resize", "24", "--size", "16",
                              "--batch-size", "2", "--runs", path("occupied/runs")}),
                 1, {"occupied/runs", "--runs"});
  expect_refused(run_command({"sample", images_.string()}), 3, {"images: "});
}

}  // namespace
}  // namespace margay::cli
