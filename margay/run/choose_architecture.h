#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "margay/collective/group.h"
#include "margay/run/observer.h"
#include "margay/run/train_options.h"
#include "margay/train/choose_network.h"

namespace margay::run {

/// The value of `arch` for the best network that fits the time.
inline constexpr const char* kAutoArch = "auto";

/// Replaces `auto` by the most accurate network whose epochs fit into options.minutes, and announces why. If
/// options.vision_learner.weights is a folder (or "cached"), it chooses among the networks whose weights
/// model::look_up_weights finds there, and replaces the folder by the file; without weights it chooses among all. A few
/// networks are measured on this machine, the others estimated from them by their multiply-adds; the chosen one is
/// always measured. The accuracy is the left-out one of a probe on the user's images (probe_network), as far as a
/// quarter of the time allows, and that time is taken from options.minutes; without weights, or where only one network
/// fits, it is the published one. Throws as train::choose_network, core::DataError for a folder that is missing or
/// without weights, and std::invalid_argument for weights that are a file. cache_folder: as for resolve_weights;
/// features are kept there. group: the processes that will train; they are measured at once, each with its share of a
/// batch, and are as fast together as the slowest of them so many times; they share the probes, and all choose alike.
void choose_architecture(TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer,
                         const std::shared_ptr<collective::Group>& group = collective::one_process());

/// One line: the choice, its time, and the runner-up.
std::string choice_text(const std::vector<train::NetworkCandidate>& candidates, const train::TrainingDemand& demand,
                        const train::NetworkChoice& choice);

}  // namespace margay::run
