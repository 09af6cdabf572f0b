#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace at {
class Tensor;
}
namespace margay::data {
struct Normalization;
}

namespace margay::predict {

/// What a model's inputs and its confidence were like on the validation images of its training, so that a server can
/// tell when those it is sent have drifted away from them. A bundle keeps it.
struct TrainingInputs {
  static constexpr std::size_t kConfidenceBins = 20;

  std::int64_t images = 0;            ///< that it was measured on
  std::array<double, 3> mean{};       ///< of each channel of what the network saw, as pixels, 0 … 1
  std::array<double, 3> deviation{};  ///< standard deviation over the images of an image's own means
  /// [kConfidenceBins] images by their largest probability, before any calibration: bin i holds those from i / bins up
  /// to below (i + 1) / bins, the last one 1, too.
  std::vector<std::int64_t> confidence;

  nlohmann::ordered_json to_json() const;
  /// Throws what JSON throws, std::invalid_argument for numbers that cannot be.
  static TrainingInputs from_json(const nlohmann::ordered_json& json);
};

/// Measures them batch by batch.
class InputMeter {
 public:
  /// images: float [N,3,H,W], normalised so; probabilities: floating [N,K]. Any device. Images of other than three
  /// channels are not measured.
  void add(const at::Tensor& images, const data::Normalization& normalization, const at::Tensor& probabilities);
  /// Nothing before the first image.
  std::optional<TrainingInputs> result() const;
  /// What was measured, for add() of another meter, as of another process.
  std::vector<double> sums() const;
  /// Throws std::invalid_argument for what sums() does not give.
  void add(std::span<const double> sums);

 private:
  TrainingInputs counts_;
  std::array<double, 3> sums_{};
  std::array<double, 3> squares_{};
};

}  // namespace margay::predict
