#pragma once

#include <string>

#include "margay/train/recipe/recipes.h"

namespace margay::train {

/// Parses a recipe as written in a file: one stage per line (or separated by `;`), `#` starts a comment:
///
///     # fast.ai's chapter 5: the final model
///     freeze      3 epochs at 3e-3
///     unfreeze   12 epochs at slice(1e-6,1e-4)
///     polish: freeze_to 1  2 epochs at 1e-3 flat_cos pct_start=.5
///
/// [NAME:] probe: only as the first stage, a linear head solved in closed form (probe_recipe).
/// [NAME:] [freeze | unfreeze | freeze_to GROUP] N epochs [on SIZE pixels] [at] RATE [SCHEDULE] [OPTION=VALUE …].
/// Without one of the first three, groups stay as they are. RATE is what LearningRate::parse reads, SCHEDULE a
/// ScheduleKind (default one_cycle), OPTION a field of ScheduleOptions. The stages returned are resolved. Throws
/// std::invalid_argument, which names the line, what it contains and what is expected.
Stages parse_recipe(const std::string& text);

/// The text of a recipe: parse_recipe(recipe_text(recipe)) gives the recipe's stages, resolved. Throws
/// std::invalid_argument for a stage that resolve refuses.
std::string recipe_text(const Stages& recipe);

}  // namespace margay::train
