#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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

/// What tuning that begins at a probe uses (probe_recipe).
struct ProbeTuneOptions {
  double tune_lr = 1e-4;
  double tune_lr_mult = 10;

  static const core::OptionTable& fields();
};

/// A fit, or the closed-form solution for a linear head (probe()), which takes neither epochs nor rates.
enum class StageKind { kFit, kProbe };

constexpr auto names(StageKind /*tag*/) {
  return std::array{std::pair{StageKind::kFit, "fit"}, std::pair{StageKind::kProbe, "probe"}};
}

/// One fit of a recipe: which groups train, how long, and with which rates. Or, as the first stage only, a probe.
struct Stage {
  /// Of a probe all that follows is left as it is here; resolve() sets `epochs` to 0.
  StageKind type = StageKind::kFit;
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
/// million, a size that is not positive, a schedule that check_schedule refuses, or a probe with anything but a name.
Stage resolve(Stage stage);

/// Whether the first stage is a probe.
bool begins_with_probe(const Stages& recipe);

/// Throws std::invalid_argument for a probe that is not the first stage, or that no fit follows.
void check_order(const Stages& recipe);

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

/// A probe, then all layers from its head, with rates from tune_lr / tune_lr_mult to tune_lr: first a linear probe,
/// then fine-tuning (Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution",
/// 2022, arXiv:2202.10054), since from a random head the first steps change the features to suit a head that knows
/// nothing. Learner::run keeps the batch norms' statistics in every stage after a probe, whose head was fitted to them.
/// epochs: those after the probe.
Stages probe_recipe(std::int64_t epochs, const ProbeTuneOptions& options = {});

/// One stage; groups stay frozen or unfrozen as they are (fastai's fit_one_cycle).
Stages one_cycle_recipe(std::int64_t epochs, const LearningRate& lr_max = 1e-3, const OneCycleShape& shape = {});

/// One stage; groups stay frozen or unfrozen as they are (fastai's fit_flat_cos).
Stages flat_cos_recipe(std::int64_t epochs, const LearningRate& lr = 1e-3, const FlatCosShape& shape = {});

/// One stage of sgdr_epochs(shape) epochs, frozen or not as the model is (fastai's fit_sgdr).
Stages sgdr_recipe(const SgdrShape& shape, const LearningRate& lr_max = 1e-3);

}  // namespace margay::train
