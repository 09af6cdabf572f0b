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

/// One fit of a recipe: which groups train, how long, and with which rates.
struct Stage {
  /// The name shown in the table and the history: one line without `:`, `;`, `#`, commas and quotes. Empty: "frozen",
  /// "unfrozen", "from group N", "last N groups", or the kind of the schedule, depending on freeze_to.
  std::string name = {};
  /// Groups before this one are frozen. 0: all train; negative: counted from the end, so -1 trains the last group alone
  /// (fastai's freeze()); absent: groups stay as they are.
  std::optional<int> freeze_to = {};
  std::int64_t epochs = 1;
  /// Side of the network's input, pixels (progressive resizing, data::resized); absent: the data's own.
  std::optional<int> size = {};
  LearningRate lr = 1e-3;  ///< peaks of the schedule
  ScheduleOptions schedule = {};

  bool operator==(const Stage&) const = default;
};

/// The stages of a recipe, in the order of training.
using Stages = std::vector<Stage>;

/// The stage with its name filled in. Throws std::invalid_argument for a name as above, epochs below 1 or above a
/// million, a size that is not positive, or a schedule that check_schedule refuses.
Stage resolve(Stage stage);

/// The first group that trains, 0 … groups - 1; nothing if the stage leaves groups as they are. Throws
/// std::invalid_argument if the model has no such group.
std::optional<int> first_trained_group(const Stage& stage, std::size_t groups);

/// Rates and momentum of the stage for this number of parameter groups. Throws as resolve does, and
/// std::invalid_argument for a list of rates of another length.
HyperSchedule hyper_schedule(const Stage& stage, std::size_t groups);

/// First the head alone, then everything with rates from base_lr/2/lr_mult to base_lr/2 (fastai's fine_tune; gradual
/// unfreezing and discriminative rates: Howard, Ruder, "ULMFiT", 2018). epochs: the number of unfrozen epochs. Like all
/// recipes below, it throws std::invalid_argument as resolve(Stage) does and for options out of range.
Stages fine_tune_recipe(std::int64_t epochs, const FineTuneOptions& options = {});

/// One stage; groups stay frozen or unfrozen as they are (fastai's fit_one_cycle).
Stages one_cycle_recipe(std::int64_t epochs, const LearningRate& lr_max = 1e-3, const OneCycleShape& shape = {});

/// One stage; groups stay frozen or unfrozen as they are (fastai's fit_flat_cos).
Stages flat_cos_recipe(std::int64_t epochs, const LearningRate& lr = 1e-3, const FlatCosShape& shape = {});

/// One stage of sgdr_epochs(shape) epochs, frozen or not as the model is (fastai's fit_sgdr).
Stages sgdr_recipe(const SgdrShape& shape, const LearningRate& lr_max = 1e-3);

}  // namespace margay::train
