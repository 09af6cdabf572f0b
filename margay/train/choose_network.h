#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/model/precision.h"

namespace margay::train {

struct NetworkSpeedOptions {
  std::int64_t batch_size = 16;
  std::optional<std::int64_t> size;
  model::Precision precision = model::Precision::kAuto;
  std::string device = "auto";
  double seconds = 3;

  static const core::OptionTable& fields();
};

/// How fast one network is on this machine, loading left out.
struct NetworkSpeed {
  double train_images_per_s = 0;
  double inference_images_per_s = 0;
  model::Precision precision = model::Precision::kFp32;  ///< that was used, never kAuto
  std::int64_t image_px = 0;
};

/// Trains a new network (fastai's head for 10 classes, everything unfrozen, Adam) and lets it predict, on noise, after
/// one batch of each that does not count. Throws std::invalid_argument for an unknown architecture and for options out
/// of range or not to be had.
NetworkSpeed measure_network_speed(const std::string& architecture, const NetworkSpeedOptions& options = {});

/// A network that could be trained, and how fast it would.
struct NetworkCandidate {
  std::string name;
  double top1 = 0;           ///< published accuracy, %; 0: unknown, less than any
  double gigamacs = 0;       ///< multiply-adds of an image, / 1e9, at one size of images for all
  double images_per_s = 0;   ///< while everything trains; > 0
  bool is_measured = false;  ///< or estimated from another network's
};

/// Gives those that have not been measured the speed that they had if a multiply-add took as long as in the measured
/// network that is nearest in multiply-adds (by their ratio). Throws std::invalid_argument when none is measured.
void estimate_speeds(std::vector<NetworkCandidate>& candidates);

/// What is to be trained, and in what time.
struct TrainingDemand {
  std::int64_t train_images = 0;
  std::int64_t valid_images = 0;
  std::int64_t epochs = 4;  ///< all of them, frozen ones included
  double minutes = 0;
};

/// What the epochs would take, each with its validation, which is a third of the work an image: forward without
/// backward. Frozen epochs count as full ones: batch norms train, so most of the backward pass is there.
double minutes_needed(const NetworkCandidate& network, const TrainingDemand& demand);

/// Positions among the candidates.
struct NetworkChoice {
  std::size_t picked = 0;
  std::optional<std::size_t> runner_up;  ///< the next best that fits
  std::optional<std::size_t> too_slow;   ///< of those more accurate than the picked one the one that nearly fits
};

/// The most accurate network whose epochs fit into the time; of equals the fastest. Throws std::invalid_argument when
/// there is no candidate or none fits, with the fastest one's minutes.
NetworkChoice choose_network(const std::vector<NetworkCandidate>& candidates, const TrainingDemand& demand);

/// Which network to measure before a choice can be trusted: the one that would be picked, or else the fastest of those
/// more accurate that would fit if they were twice as fast as estimated. Nothing when these have been measured.
std::optional<std::size_t> next_to_measure(const std::vector<NetworkCandidate>& candidates,
                                           const TrainingDemand& demand);

}  // namespace margay::train
