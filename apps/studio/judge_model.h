#pragma once

#include <string>

#include "apps/studio/evaluations.h"
#include "apps/studio/loaded_models.h"
#include "apps/studio/served_folders.h"

namespace margay::studio {

/// The served folder in which the images of a model's training lie: that of its run, one that holds it or lies in it;
/// of a model without a run the folder that it lies in. Throws core::DataError, with the remedy, where the studio
/// serves none of them.
const ServedFolder& folder_of_model(const ServedFolders& folders, const ListedModel& model);

/// Predicts the images that the question is about and judges the model by them, as `margay evaluate` does. Throws
/// core::OutOfMemoryError where the predictions cannot fit, what on_progress throws, and as LoadedModels::get and
/// run::EvaluationSet.
JudgedModelOfPage judge_model(LoadedModels& models, const ServedFolders& folders, const EvaluationQuestion& question,
                              const Evaluations::OnProgress& on_progress);

}  // namespace margay::studio
