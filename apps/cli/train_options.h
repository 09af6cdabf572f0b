#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <utility>

#include "apps/cli/data_flags.h"
#include "apps/cli/flags.h"
#include "margay/core/options.h"
#include "margay/data/picture_pipeline.h"
#include "margay/train/vision_learner.h"

namespace margay::cli {

/// Chapter 5's presizing: large on the CPU, then one interpolation to size.
inline data::Recipe chapter5_recipe() { return {.resize = {.size = 460}, .augment = {.size = 224, .min_scale = 0.75}}; }

/// Where mean and std of the channels come from.
enum class Statistics { kImagenet, kMeasured };

constexpr auto names(Statistics /*tag*/) {
  return std::array{std::pair{Statistics::kImagenet, "imagenet"}, std::pair{Statistics::kMeasured, "measured"}};
}

/// What makes batches: the part of `margay train` that summary and show-batch share.
struct BatchOptions {
  std::filesystem::path folder;
  DataOptions data;
  data::Recipe transforms = chapter5_recipe();
  Statistics statistics = Statistics::kImagenet;
  data::LoaderOptions loader;

  static constexpr const char* kName = "batch";
  static constexpr auto fields() {
    return std::tuple{
        core::field("folder", &BatchOptions::folder, "the pictures"),
        core::field("data", &BatchOptions::data, "labels and split"),
        core::field("transforms", &BatchOptions::transforms, "what happens to pixels"),
        core::field("statistics", &BatchOptions::statistics,
                    "normalise by imagenet's mean and std (or what --mean and --std say), or by those measured on the "
                    "training pictures"),
        core::field("loader", &BatchOptions::loader, "batches")};
  }
};

/// The data block that the options describe, transforms included. Measures the statistics if they ask for it.
data::DataBlock make_block(const BatchOptions& options);

/// The loader's options; a cache on disk lies in the user's cache folder unless another is given.
data::LoaderOptions loader_options(const BatchOptions& options);

/// All of `margay train`: its flags, and the config.json of the run.
struct TrainOptions {
  std::string name = "model";
  std::filesystem::path runs = "runs";
  std::string arch = "resnet18";
  std::int64_t epochs = 3;
  BatchOptions batch;
  train::VisionLearnerOptions vision_learner;
  train::FineTuneOptions fine_tune;

  static constexpr const char* kName = "train";
  static constexpr auto fields() {
    return std::tuple{core::field("name", &TrainOptions::name, "name of the run"),
                      core::field("runs", &TrainOptions::runs, "folder where runs are kept"),
                      core::field("arch", &TrainOptions::arch,
                                  "network: resnet18, 34, 50, 101, 152, or resnet20 (small, from scratch)"),
                      core::field("epochs", &TrainOptions::epochs, "epochs with all layers training", {1, 1e6}),
                      core::field("batch", &TrainOptions::batch, "the data"),
                      core::field("vision_learner", &TrainOptions::vision_learner, "network and optimizer"),
                      core::field("fine_tune", &TrainOptions::fine_tune, "the recipe")};
  }
};

/// Two structs have a `size` and two a `seed` (the run has one seed); the folder is a positional argument.
inline const Renamed& train_flag_names() {
  static const Renamed renamed = {{"batch.folder", ""}, {"resize.size", "resize"}, {"loader.seed", ""}};
  return renamed;
}

}  // namespace margay::cli
