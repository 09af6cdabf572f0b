#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/run/run_registry.h"
#include "tests/support/command_line.h"
#include "tests/support/tiny_images.h"

namespace margay::testing_support {

/// Sixteen images, and a network that trains on them in tenths of a second.
class TinyTraining : public testing::Test {
 protected:
  TinyTraining() { write_tiny_images(images_, 6, 2); }

  /// Gives the validation images contents that no training image has, so that all of them judge a model.
  void write_unseen_validation_images() const {
    for (const int kind : {0, 1}) {
      for (int i = 0; i < 2; ++i) {
        data::write_png(images_ / "valid" / (kind == 0 ? "flat" : "upright") / (std::to_string(i) + ".png"),
                        striped_image(kind, 6 + i, 24));
      }
    }
  }

  /// `margay COMMAND images ARGUMENTS` at the smallest sizes.
  CommandResult on_images(const std::string& command, const std::vector<std::string>& arguments) const {
    std::vector<std::string> line = {
        command, images_.string(), "--arch", "resnet20", "--resize", "24",          "--size", "16", "--batch-size",
        "4",     "--num-workers",  "1",      "--device", "cpu",      "--precision", "fp32"};
    line.insert(line.end(), arguments.begin(), arguments.end());
    return run_command(line);
  }

  /// `margay train`, one epoch unless the arguments say otherwise.
  CommandResult train(const std::vector<std::string>& arguments = {}) const {
    std::vector<std::string> line = {"--runs", runs_.string()};
    const bool has_length = std::find(arguments.begin(), arguments.end(), "--epochs") != arguments.end();
    if (!has_length) line.insert(line.end(), {"--epochs", "1"});
    line.insert(line.end(), arguments.begin(), arguments.end());
    return on_images("train", line);
  }

  std::vector<run::RunRecord> records() const { return run::RunRegistry(runs_).all(); }
  /// The folder of the newest run.
  std::filesystem::path run_folder() const { return runs_ / records().back().folder; }

  TemporaryFolder folder_;
  std::filesystem::path images_ = folder_ / "images";
  std::filesystem::path runs_ = folder_ / "runs";
};

}  // namespace margay::testing_support
