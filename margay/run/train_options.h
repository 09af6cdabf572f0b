#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/data/image_pipeline.h"
#include "margay/run/data_options.h"
#include "margay/run/listeners.h"
#include "margay/run/observer.h"
#include "margay/train/batch_size/find_batch_size.h"
#include "margay/train/callback/tuning_guard.h"
#include "margay/train/distillation.h"
#include "margay/train/recipe/recipes.h"
#include "margay/train/vision_learner.h"

namespace margay::run {

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

/// The options that make batches: folder, labels, split, transforms and loader.
struct BatchOptions {
  std::filesystem::path folder;
  DataOptions data;
  data::Transforms transforms = chapter5_transforms();
  Statistics statistics = Statistics::kPublished;
  data::LoaderOptions loader;

  static const core::OptionTable& fields();
};

/// Resolves `weights`: the path itself, or for "cached" the architecture's weights in the folder weights/ of the cache
/// folder. Throws as model::find_weights, and std::invalid_argument if there is no cache folder.
std::filesystem::path resolve_weights(const std::filesystem::path& weights, const std::string& architecture,
                                      const std::filesystem::path& cache_folder);

/// The data block that the options describe, transforms included. Measures the statistics if they ask for it.
data::DataBlock make_block(const BatchOptions& options);

/// The loader's options. A cache on disk lies in cache_folder unless the options name another; throws
/// std::invalid_argument if there is neither.
data::LoaderOptions loader_options(const BatchOptions& options, const std::filesystem::path& cache_folder);

/// The batches of make_block and loader_options.
data::Loaders make_loaders(const BatchOptions& options, const std::filesystem::path& cache_folder);

/// What the loaders serve, so that nothing is labelled and split a second time.
data::Datasets datasets_of(const data::Loaders& loaders);

/// The options for checkpoints.
struct CheckpointOptions {
  std::int64_t keep_checkpoints = 2;
  double checkpoint_minutes = 10;

  static const core::OptionTable& fields();
};

/// What the head's weights are before training.
enum class InitHead { kRandom, kProbe };

constexpr auto names(InitHead /*tag*/) {
  return std::array{std::pair{InitHead::kRandom, "random"}, std::pair{InitHead::kProbe, "probe"}};
}

/// All options of a training; config.json of a run holds them.
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
  std::string launch;
  std::optional<int> eval_size;
  bool auto_batch_size = false;
  train::AutoBatchOptions auto_batch;
  BatchOptions batch;
  train::VisionLearnerOptions vision_learner;
  train::FineTuneOptions fine_tune;
  InitHead init_head = InitHead::kRandom;
  train::ProbeTuneOptions probe_tune;
  train::TuningGuardOptions tuning_guard;
  train::DistillationOptions distillation;
  ListenerOptions listeners;
  CheckpointOptions checkpoints;

  static const core::OptionTable& fields();
};

/// A file of weights, and the checksum that it must have.
struct GivenWeights {
  std::filesystem::path path;  ///< "": none
  std::string sha256;          ///< "": any
};

/// Sets the arithmetic and the normalisation that the weights, if any, expect (train::published_form), unless others
/// are given. Announces both where they are not those of the architecture's table, and what may be wrong. Returns the
/// weights, so that nobody reads the file again; nothing without any.
std::optional<model::PretrainedFile> follow_weights(BatchOptions& batch, const GivenWeights& weights,
                                                    std::optional<model::Arithmetic>& arithmetic,
                                                    const std::string& architecture, Observer& observer);

/// What to tell of a network that trains without pretrained weights. arch: a name, or kAutoArch. cache_folder: as for
/// resolve_weights. Throws std::invalid_argument for an unknown network.
FromScratch from_scratch(const std::string& arch, const std::filesystem::path& cache_folder);

/// The stages to train: those of `recipe`, or those from a probe, or fine-tuning, or one cycle for a network without
/// pretrained weights. Throws std::invalid_argument as parse_recipe, and for options of fine-tuning together with a
/// recipe.
train::Stages recipe_of(const TrainOptions& options);

/// Whether the training begins at a probe's head: by `init_head`, or by the first stage of its recipe.
bool begins_at_probe(const TrainOptions& options);

/// The options with a head that a probe can give its weights, if the training begins at one: linear and without
/// dropout, unless another dropout is given. Throws std::invalid_argument for another kind of head, for no pretrained
/// weights, and for options that have no effect in or beside a training from a probe.
TrainOptions with_probe_head(TrainOptions options);

}  // namespace margay::run
