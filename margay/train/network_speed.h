#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "margay/core/options.h"
#include "margay/model/precision.h"

namespace margay::train {

struct NetworkSpeedOptions {
  std::int64_t batch_size = 16;
  std::optional<std::int64_t> size;
  model::Precision precision = model::Precision::kAuto;
  std::string device = "auto";
  double seconds = 3;

  static constexpr const char* kName = "network_speed";
  static constexpr auto fields() {
    return std::tuple{core::field("batch_size", &NetworkSpeedOptions::batch_size, "pictures in a batch", {2, 1e5}),
                      core::field("size", &NetworkSpeedOptions::size,
                                  "side of the pictures, each network's own unless given", {8, 4096}),
                      core::field("precision", &NetworkSpeedOptions::precision, "auto, fp32, bf16 or fp16"),
                      core::field("device", &NetworkSpeedOptions::device, "auto, cpu, cuda or cuda:N"),
                      core::field("seconds", &NetworkSpeedOptions::seconds,
                                  "so long for each of training and inference, and at least one batch", {0, 3600})};
  }
};

/// How fast one network is on this machine, loading left out.
struct NetworkSpeed {
  double train_images_per_s = 0;
  double inference_images_per_s = 0;
  model::Precision precision = model::Precision::kFp32;  ///< that was used, never kAuto
  std::int64_t image_px = 0;
};

/// Trains a new network (fastai's head for 10 classes, everything unfrozen, Adam) and lets it answer, on noise, after
/// one batch of each that does not count. Throws std::invalid_argument for an unknown architecture and for options out
/// of range or not to be had.
NetworkSpeed measure_network_speed(const std::string& architecture, const NetworkSpeedOptions& options = {});

}  // namespace margay::train
