#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/data/loader/loader_pass.h"
#include "margay/train/progress.h"
#include "margay/train/smooth_loss.h"

namespace margay::train {

/// What the training pass of an epoch has taken so far, over all interruptions.
struct PassTimes {
  std::int64_t images = 0;
  double seconds = 0;
  double waited_s = 0;  ///< for data
  double forward_s = 0;
  double backward_s = 0;
  double update_s = 0;
  double callback_s = 0;
};

PassTimes operator+(const PassTimes& a, const PassTimes& b);

/// Where a learner stands between two steps. With its tensors (Snapshot) it is all that another learner of the same
/// settings needs to go on as if nothing had happened.
struct TrainingState {
  std::string recipe;           ///< recipe_text of the run under way; empty: none is, or a checkpoint without a version
  std::size_t stage_index = 0;  ///< of the recipe
  std::string stage;            ///< of the fit under way; empty: none is
  std::int64_t epochs = 0;      ///< of this fit; 0: time decides, or a checkpoint without a version
  std::int64_t epoch = 0;       ///< of this fit, from 0: the one under way, or the next
  bool is_in_epoch = false;     ///< its training pass has begun
  bool is_cancelled = false;    ///< the fit ends here, whatever is left of it
  std::int64_t step = 0;        ///< batches trained on in this epoch
  std::int64_t next_batch = 0;  ///< of this pass, behind the last one used
  double fit_s = 0;             ///< seconds of this fit so far
  double epoch_begin_s = 0;     ///< of them, those before this epoch
  PassTimes pass;               ///< of this epoch's training pass
  std::int64_t passes = 0;      ///< as Learner::passes
  double lr_factor = 1;
  std::optional<double> validation_s;      ///< what a validation took, where time decides
  std::optional<int> first_trained_group;  ///< as freeze_to was last asked for
  SmoothLoss smooth_loss;
  std::vector<EpochRecord> history;
  std::vector<StepRecord> steps;
  std::vector<data::SkippedImage> skipped;
};

/// Numbers keep all their bits. The steps are not in it: there are too many of them for text.
nlohmann::ordered_json to_json(const TrainingState& state);

/// Throws core::FormatError, naming `source`, for JSON that to_json did not write.
TrainingState training_state_from_json(const nlohmann::ordered_json& json, const std::filesystem::path& source);

}  // namespace margay::train
