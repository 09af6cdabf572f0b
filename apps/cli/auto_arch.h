#pragma once

#include <string>

#include "apps/cli/train_options.h"
#include "margay/train/choose_network.h"

namespace margay::cli {

/// The --arch that stands for whichever network suits the time.
inline constexpr const char* kAutoArch = "auto";

/// Puts the most accurate network whose epochs fit into options.minutes in the place of `auto`, and prints why.
/// Networks may be chosen for which there are weights: where options.vision_learner.weights is a folder (or the word
/// "cached"), those that model::look_up_weights finds there, and the file then takes the place of the folder; without
/// weights all. A few are measured on this
/// machine, the others estimated from them by their multiply-adds; what is chosen has been measured. Throws as
/// train::choose_network, and std::invalid_argument for weights that are no folder.
void choose_architecture(TrainOptions& options);

/// One line: what was chosen, what it takes, and the next.
std::string choice_text(const std::vector<train::NetworkCandidate>& candidates, const train::TrainingDemand& demand,
                        const train::NetworkChoice& choice);

}  // namespace margay::cli
