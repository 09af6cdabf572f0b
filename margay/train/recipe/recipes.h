#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/train/schedule/learning_rate.h"
#include "margay/train/schedule/schedule.h"
#include "margay/train/schedule/schedule_options.h"

namespace margay::train {

struct FineTuneOptions {
  double base_lr = 2e-3;
  std::int64_t freeze_epochs = 1;
  double lr_mult = 100;
  double pct_start = 0.3;
  double div = 5;

  static const core::OptionTable& fields();
};

/// One fit of a recipe: which groups train, how long, how fast.
struct Stage {
  /// Shown in the table and the history: one line without `:`, `;`, `#`, commas and quotes. Empty: "frozen",
  /// "unfrozen", "from group N", "last N groups", or the kind of the schedule, after what freeze_to says.
  std::string name = {};
  /// Groups before it are frozen. 0: all train; negative: counted from the end, so that -1 trains the last group alone,
  /// which is fastai's freeze(); absent: groups stay as they are.
  std::optional<int> freeze_to = {};
  std::int64_t epochs = 1;
  /// Side of the network's input, pixels (progressive resizing, data::resized); absent: the data's own.
  std::optional<int> size = {};
  LearningRate lr = 1e-3;  ///< peaks of the schedule
  ScheduleOptions schedule = {};

  bool operator==(const Stage&) const = default;
};

/// Stages in the order in which they are trained.
using Stages = std::vector<Stage>;

/// The stage with its name filled in. Throws std::invalid_argument for a name as above, epochs below 1 or above a
/// million, a size that is not positive, or a schedule that check_schedule refuses.
Stage resolve(Stage stage);

/// The first group that trains, 0 … groups - 1; nothing where the stage leaves groups as they are. Throws
/// std::invalid_argument when the model has no such group.
std::optional<int> first_trained_group(const Stage& stage, std::size_t groups);

/// Rates and momentum of the stage, for so many parameter groups. Throws as resolve does, and std::invalid_argument for
/// a list of rates of another length.
HyperSchedule hyper_schedule(const Stage& stage, std::size_t groups);

/// First the head alone, then everything with rates from base_lr/2/lr_mult to base_lr/2 (fastai's fine_tune; gradual
/// unfreezing and discriminative rates: Howard, Ruder, "ULMFiT", 2018). `epochs` are the unfrozen ones. Like all
/// recipes below, it throws std::invalid_argument for what resolve(Stage) or the options' ranges refuse.
Stages fine_tune_recipe(std::int64_t epochs, const FineTuneOptions& options = {});

/// One stage, frozen or not as the model is (fastai's fit_one_cycle).
Stages one_cycle_recipe(std::int64_t epochs, const LearningRate& lr_max = 1e-3, const OneCycleShape& shape = {});

/// One stage, frozen or not as the model is (fastai's fit_flat_cos).
Stages flat_cos_recipe(std::int64_t epochs, const LearningRate& lr = 1e-3, const FlatCosShape& shape = {});

/// One stage of sgdr_epochs(shape) epochs, frozen or not as the model is (fastai's fit_sgdr).
Stages sgdr_recipe(const SgdrShape& shape, const LearningRate& lr_max = 1e-3);

}  // namespace margay::train
