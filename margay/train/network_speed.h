#pragma once

#include <cstdint>
#include <optional>
#include <string>

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

}  // namespace margay::train
