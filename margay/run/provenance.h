#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/run/data_options.h"
#include "margay/run/run_record.h"
#include "margay/train/learner.h"
#include "margay/train/recipe/recipes.h"

namespace margay::run {

/// The provenance stored in a model file: program, results, the recipe and its epochs, and under `data` how labels and
/// split were found, so that an evaluation can find them again. recipe: the text of the training's; "": not known.
/// results: those of the weights in the file; null before the first epoch.
nlohmann::ordered_json provenance(const DataOptions& data, const std::string& recipe, const train::Learner& learner,
                                  const train::EpochRecord* results);

/// The same with what the model began from (pretrained_record) under `pretrained`, if it is not null.
nlohmann::ordered_json with_pretrained(nlohmann::ordered_json provenance, const nlohmann::ordered_json& pretrained);

/// What was decided about the data's labels and images (data::LabelEdits), for a provenance: the hash of the journal,
/// and how many decisions changed how many images. Null without edits.
nlohmann::ordered_json edits_record(const data::Loaders& loaders);

/// How a model was trained, as its provenance tells it.
struct TrainingHistory {
  train::Stages recipe;
  double lr_factor = 1;  ///< what callbacks and `lr_factor` multiplied the recipe's rates by in the end
  std::vector<RunEpoch> epochs;
};

/// A probe is a recipe of one stage without epochs. Nothing for a model of an earlier version, whose provenance has no
/// recipe. Throws
/// std::invalid_argument for a provenance whose recipe or epochs cannot be read.
std::optional<TrainingHistory> training_history(const nlohmann::ordered_json& provenance);

/// How labels and split were found; the defaults where the provenance does not say. model: the bundle's file, for
/// messages. Throws core::FormatError for options that cannot be read.
DataOptions remembered_options(const nlohmann::ordered_json& provenance, const std::filesystem::path& model);

}  // namespace margay::run
