#pragma once

#include <cstdint>

#include "margay/train/recipe/stage.h"
#include "margay/train/recipe_options.h"

namespace margay::train {

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
