#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/predict/prediction_file.h"

namespace margay::testing_support {

/// Predictions for images "0.png", "1.png", … of classes "a", "b", …. logits: float [N,K]; targets: int64 [N], or float
/// [N,K] of several labels, or undefined.
inline predict::KeptPredictions kept_predictions(const torch::Tensor& logits, const torch::Tensor& targets = {}) {
  predict::KeptPredictions kept;
  kept.rows.logits = logits.to(torch::kFloat);
  kept.rows.targets = targets;
  if (targets.defined() && targets.dim() == 2) kept.task = data::Task::kMultiLabel;
  for (std::int64_t row = 0; row < logits.size(0); ++row) {
    kept.rows.ids.push_back(static_cast<std::size_t>(row));
    kept.names.add(std::to_string(row) + ".png");
  }
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < logits.size(1); ++k) {
    names.push_back(k < 26 ? std::string(1, static_cast<char>('a' + k)) : "class" + std::to_string(k));
  }
  kept.vocabulary = data::Vocabulary(names);
  return kept;
}

/// Logits that predict these classes with that margin over all others, which are equal.
inline torch::Tensor logits_for(const std::vector<std::int64_t>& predicted, std::int64_t classes, double margin = 3) {
  torch::Tensor logits = torch::zeros({static_cast<std::int64_t>(predicted.size()), classes});
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    logits[static_cast<std::int64_t>(i)][predicted[i]] = margin;
  }
  return logits;
}

}  // namespace margay::testing_support
