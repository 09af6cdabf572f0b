#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli/command.h"
#include "apps/cli/data_flags.h"
#include "apps/cli/listeners.h"
#include "margay/core/options.h"
#include "margay/data/image_pipeline.h"
#include "margay/train/batch_size/find_batch_size.h"
#include "margay/train/distillation.h"
#include "margay/train/recipe/recipes.h"
#include "margay/train/vision_learner.h"

namespace margay::cli {

/// Chapter 5's presizing: a large image on the CPU, then one interpolation to the final size.
inline data::Transforms chapter5_transforms() {
  return {.resize = {.size = 460}, .augment = {.size = 224, .min_scale = 0.75}};
}

/// The source of the channels' mean and standard deviation.
enum class Statistics { kPublished, kImagenet, kMeasured };

constexpr auto names(Statistics /*tag*/) {
  return std::array{std::pair{Statistics::kPublished, "published"}, std::pair{Statistics::kImagenet, "imagenet"},
                    std::pair{Statistics::kMeasured, "measured"}};
}

/// The options that make batches: the part of `margay train` that summary and show-batch share.
struct BatchOptions {
  std::filesystem::path folder;
  DataOptions data;
  data::Transforms transforms = chapter5_transforms();
  Statistics statistics = Statistics::kPublished;
  data::LoaderOptions loader;

  static const core::OptionTable& fields();
};

/// XDG Base Directory Specification: $XDG_CACHE_HOME/margay, or ~/.cache/margay. Throws std::invalid_argument without a
/// home.
std::filesystem::path user_cache_folder();

/// Resolves --weights: the path itself, or for "cached" the architecture's weights in the folder weights/ of the user's
/// cache. Throws as model::find_weights.
std::filesystem::path resolve_weights(const std::filesystem::path& weights, const std::string& architecture);

/// The data block that the options describe, transforms included. Measures the statistics if they ask for it.
data::DataBlock make_block(const BatchOptions& options);

/// The loader's options; a cache on disk lies in the user's cache folder unless another is given.
data::LoaderOptions loader_options(const BatchOptions& options);

/// The batches of make_block and loader_options.
data::Loaders make_loaders(const BatchOptions& options);

/// The options for checkpoints.
struct CheckpointOptions {
  std::int64_t keep_checkpoints = 2;
  double checkpoint_minutes = 10;

  static const core::OptionTable& fields();
};

/// All options of `margay train`: its flags, and the config.json of the run.
struct TrainOptions {
  std::string name = "model";
  std::filesystem::path runs = "runs";
  std::string arch = "resnet18";
  std::int64_t epochs = 3;
  std::string recipe;
  std::string lr;
  std::optional<double> minutes;
  std::int64_t repeats = 1;
  std::string group;
  bool auto_batch_size = false;
  train::AutoBatchOptions auto_batch;
  BatchOptions batch;
  train::VisionLearnerOptions vision_learner;
  train::FineTuneOptions fine_tune;
  train::DistillationOptions distillation;
  ListenerOptions listeners;
  CheckpointOptions checkpoints;

  static const core::OptionTable& fields();
};

/// The flags on images and batches that people use, and those of the command: what its --help shows.
std::vector<std::string> everyday_flags(std::vector<std::string> own);

/// Two structs have a `size`, two a `seed` (the run has one seed) and some a `kind`; the folder is a positional
/// argument, and --recipe takes a file, whose text the run then keeps.
inline const Renamed& train_flag_names() {
  static const Renamed renamed = {{"batch.folder", ""},
                                  {"resize.size", "resize"},
                                  {"loader.seed", ""},
                                  {"optimizer.kind", "optimizer"},
                                  {"head.kind", "head"},
                                  {"train.group", ""},
                                  {"auto_batch.largest", "largest_batch"},
                                  {"auto_batch.safety", "memory_share"},
                                  {"train.recipe", ""}};
  return renamed;
}

/// Sets the normalisation that the architecture's weights were trained with, unless another is given.
void normalise_as_published(BatchOptions& options, const std::string& architecture);

/// The stages to train: those of --recipe, or fine-tuning, or one cycle for a network without pretrained weights.
/// Throws std::invalid_argument as parse_recipe, and for flags of fine-tuning together with a recipe.
train::Stages recipe_of(const TrainOptions& options);

}  // namespace margay::cli
