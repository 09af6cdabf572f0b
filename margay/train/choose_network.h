#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/metric/standard_error.h"
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

/// The speed of one network on this machine, without loading.
struct NetworkSpeed {
  double train_images_per_s = 0;
  double inference_images_per_s = 0;
  model::Precision precision = model::Precision::kFp32;  ///< the precision used, never kAuto
  std::int64_t image_px = 0;
};

/// Measures training and inference of a new network (fastai's head for 10 classes, everything unfrozen, Adam) on noise,
/// after one uncounted batch of each. Throws std::invalid_argument for an unknown architecture and for options that are
/// out of range or not available.
NetworkSpeed measure_network_speed(const std::string& architecture, const NetworkSpeedOptions& options = {});

/// A network that could be trained, and its speed.
struct NetworkCandidate {
  std::string name;
  double top1 = 0;  ///< published accuracy, %; 0: unknown, ranked last
  /// Of a probe on the images that are to be trained; where one has it, only those that have it are chosen.
  std::optional<metric::ClusteredMean> error = {};
  double gigamacs = 0;       ///< multiply-adds per image / 1e9, at the same image size for all
  double images_per_s = 0;   ///< while everything trains; > 0
  bool is_measured = false;  ///< false: estimated from another network
};

/// Estimates the speed of networks that have not been measured, assuming that a multiply-add takes as long as in the
/// measured network whose number of multiply-adds is nearest (by their ratio). Throws std::invalid_argument when none
/// is measured.
void estimate_speeds(std::vector<NetworkCandidate>& candidates);

/// The amount of training, and the time for it.
struct TrainingDemand {
  std::int64_t train_images = 0;
  std::int64_t valid_images = 0;
  std::int64_t epochs = 4;  ///< all epochs, including frozen ones
  double minutes = 0;
};

/// The time of the epochs, each with its validation, whose work per image is a third: forward without backward. Frozen
/// epochs count as full ones: batch norms train, so most of the backward pass is needed.
double minutes_needed(const NetworkCandidate& network, const TrainingDemand& demand);

/// Positions among the candidates.
struct NetworkChoice {
  std::size_t picked = 0;
  std::optional<std::size_t> runner_up;  ///< the next best that fits
  std::optional<std::size_t> too_slow;   ///< of the more accurate ones the one that nearly fits
};

/// The most accurate network whose epochs fit into the time; if equal, the fastest. The accuracy is that of the probes
/// where there are some, else the published one. Throws std::invalid_argument when there is no candidate or none fits,
/// with the fastest one's minutes.
NetworkChoice choose_network(const std::vector<NetworkCandidate>& candidates, const TrainingDemand& demand);

/// The network to measure next before a choice can be trusted: the one that would be picked, or else the fastest of the
/// more accurate ones that would fit if they were twice as fast as estimated. Nothing if these have been measured.
std::optional<std::size_t> next_to_measure(const std::vector<NetworkCandidate>& candidates,
                                           const TrainingDemand& demand);

}  // namespace margay::train
