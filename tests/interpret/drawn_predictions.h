#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/predict/predictions.h"
#include "tests/support/probe_features.h"

namespace margay::interpret {

/// Labels drawn from softmax(logits / truth): a network that is too sure where truth is above 1.
inline predict::Predictions drawn_predictions(std::int64_t images, std::int64_t classes, double truth,
                                              std::uint64_t seed) {
  testing_support::Numbers numbers(seed);
  predict::Predictions predictions;
  const torch::Tensor logits = 3 * numbers.normal({images, classes});
  const torch::Tensor below = (logits.to(torch::kDouble) / truth).softmax(1).cumsum(1);
  predictions.targets = (below < numbers.uniform({images, 1})).sum(1).clamp_max(classes - 1);
  for (std::int64_t i = 0; i < images; ++i) predictions.ids.push_back(static_cast<std::size_t>(i));
  predictions.set_logits(logits, metric::Activation::kSoftmax);
  return predictions;
}

/// The same for several labels, by sigmoids.
inline predict::Predictions drawn_label_predictions(std::int64_t images, std::int64_t labels, double truth,
                                                    std::uint64_t seed) {
  testing_support::Numbers numbers(seed);
  predict::Predictions predictions;
  const torch::Tensor logits = 2 * numbers.normal({images, labels}) - 0.5;
  predictions.targets = (numbers.uniform({images, labels}) < (logits / truth).sigmoid()).to(torch::kFloat);
  for (std::int64_t i = 0; i < images; ++i) predictions.ids.push_back(static_cast<std::size_t>(i));
  predictions.set_logits(logits, metric::Activation::kSigmoid);
  return predictions;
}

/// A case of calibration.json.
inline std::pair<predict::Predictions, data::Task> golden_predictions(const nlohmann::json& golden) {
  const auto task = core::from_text<data::Task>(golden.at("task"));
  const auto tensor_of = [](const nlohmann::json& rows) {
    std::vector<double> numbers;
    for (const auto& row : rows) {
      for (const double number : row) numbers.push_back(number);
    }
    return torch::tensor(numbers, torch::kDouble)
        .to(torch::kFloat)
        .reshape({static_cast<std::int64_t>(rows.size()), -1});
  };
  predict::Predictions predictions;
  predictions.targets = tensor_of(golden.at("targets"));
  if (task == data::Task::kSingleLabel) predictions.targets = predictions.targets.squeeze(1).to(torch::kLong);
  predictions.set_logits(tensor_of(golden.at("logits")), predict::activation_of(task));
  for (std::int64_t i = 0; i < predictions.logits.size(0); ++i) {
    predictions.ids.push_back(static_cast<std::size_t>(i));
  }
  return {predictions, task};
}

}  // namespace margay::interpret
