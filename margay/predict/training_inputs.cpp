#include "margay/predict/training_inputs.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/data/transform/normalization.h"

namespace margay::predict {

nlohmann::ordered_json TrainingInputs::to_json() const {
  return {{"images", images}, {"mean", mean}, {"deviation", deviation}, {"confidence", confidence}};
}

TrainingInputs TrainingInputs::from_json(const nlohmann::ordered_json& json) {
  TrainingInputs inputs;
  inputs.images = json.at("images").get<std::int64_t>();
  inputs.mean = json.at("mean").get<std::array<double, 3>>();
  inputs.deviation = json.at("deviation").get<std::array<double, 3>>();
  inputs.confidence = json.at("confidence").get<std::vector<std::int64_t>>();
  const std::int64_t counted = std::accumulate(inputs.confidence.begin(), inputs.confidence.end(), std::int64_t{0});
  if (inputs.images < 0 || inputs.confidence.size() != kConfidenceBins || counted != inputs.images)
    throw std::invalid_argument("the statistics of its inputs contradict themselves");
  return inputs;
}

void InputMeter::add(const at::Tensor& images, const data::Normalization& normalization,
                     const at::Tensor& probabilities) {
  if (images.size(1) != 3) return;
  const at::Tensor means = images.detach().mean({2, 3}).to(torch::kCPU, torch::kDouble).contiguous();  // [N,3]
  const at::Tensor largest = std::get<0>(probabilities.detach().max(1)).to(torch::kCPU, torch::kDouble).contiguous();
  counts_.confidence.resize(TrainingInputs::kConfidenceBins);
  for (std::int64_t row = 0; row < images.size(0); ++row) {
    for (std::size_t c = 0; c < 3; ++c) {
      const double mean = means.data_ptr<double>()[3 * row + static_cast<std::int64_t>(c)];
      const double pixels = mean * normalization.std[c] + normalization.mean[c];
      sums_[c] += pixels;
      squares_[c] += pixels * pixels;
    }
    const double p = std::clamp(largest.data_ptr<double>()[row], 0.0, 1.0);
    const auto bin = static_cast<std::size_t>(std::isnan(p) ? 0 : p * TrainingInputs::kConfidenceBins);
    ++counts_.confidence[std::min(bin, TrainingInputs::kConfidenceBins - 1)];
    ++counts_.images;
  }
}

std::optional<TrainingInputs> InputMeter::result() const {
  if (counts_.images == 0) return std::nullopt;
  TrainingInputs inputs = counts_;
  const auto n = static_cast<double>(counts_.images);
  for (std::size_t c = 0; c < 3; ++c) {
    inputs.mean[c] = sums_[c] / n;
    inputs.deviation[c] = std::sqrt(std::max(0.0, squares_[c] / n - inputs.mean[c] * inputs.mean[c]));
  }
  return inputs;
}

std::vector<double> InputMeter::sums() const {
  std::vector<double> sums = {static_cast<double>(counts_.images)};
  sums.insert(sums.end(), sums_.begin(), sums_.end());
  sums.insert(sums.end(), squares_.begin(), squares_.end());
  for (std::size_t bin = 0; bin < TrainingInputs::kConfidenceBins; ++bin) {
    sums.push_back(counts_.confidence.empty() ? 0 : static_cast<double>(counts_.confidence[bin]));
  }
  return sums;
}

void InputMeter::add(std::span<const double> sums) {
  if (sums.size() != 1 + sums_.size() + squares_.size() + TrainingInputs::kConfidenceBins)
    throw std::invalid_argument("[InputMeter] these are no sums of a meter");
  if (sums.front() == 0) return;
  counts_.confidence.resize(TrainingInputs::kConfidenceBins);
  counts_.images += static_cast<std::int64_t>(sums.front());
  const double* next = sums.data() + 1;
  for (double& each : sums_) each += *next++;
  for (double& each : squares_) each += *next++;
  for (std::int64_t& each : counts_.confidence) each += static_cast<std::int64_t>(*next++);
}

}  // namespace margay::predict
