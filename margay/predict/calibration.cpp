#include "margay/predict/calibration.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::predict {
namespace {

void check_probability(const char* what, double threshold) {
  if (threshold >= 0 && threshold <= 1) return;
  throw std::invalid_argument(fmt::format("[{}] a threshold must lie in [0, 1], got {}", what, threshold));
}

}  // namespace

torch::Tensor Calibration::scaled(const torch::Tensor& logits) const {
  return temperature == 1 ? logits : logits / temperature;
}

double Calibration::moved_threshold(double threshold) const {
  check_probability("calibration", threshold);
  if (temperature == 1) return threshold;
  // 1 / (1 + ((1 - q) / q)^(1/T)), which is exact at 0, ½ and 1
  return 1 / (1 + std::pow((1 - threshold) / threshold, 1 / temperature));
}

torch::Tensor label_decisions(const torch::Tensor& logits, double threshold) {
  check_probability("label_decisions", threshold);
  return logits.sigmoid() > threshold;
}

const core::OptionTable& Calibration::fields() {
  static const core::OptionTable table(
      "calibration",
      {core::field<&Calibration::temperature>("temperature", "what logits are divided by", {1e-12, 1e12}),
       core::field<&Calibration::source>("source", "none, held_out or left_out: the images it was fitted to"),
       core::field<&Calibration::images>("images", "how many they were", {0, 1e15}),
       core::field<&Calibration::groups>("groups", "groups of them that are independent of each other", {0, 1e15}),
       core::field<&Calibration::data>("data", "where they are from"),
       core::field<&Calibration::model_sha256>("model_sha256", "of the model's file before it was calibrated")});
  return table;
}

}  // namespace margay::predict
