#pragma once

#include <cstdint>
#include <functional>

#include <torch/types.h>

#include "margay/data/item.h"
#include "margay/predict/predictions.h"

namespace margay::interpret {

/// Some images of CalibratedRows.
struct CalibratedPart {
  std::int64_t first = 0;       ///< position of the first image
  torch::Tensor logits;         ///< float64 [n,K], divided by the images' temperatures
  torch::Tensor probabilities;  ///< float64 [n,K]
  torch::Tensor targets;        ///< int64 [n]; float64 [n,K] for several labels
  torch::Tensor hits;           ///< float64 [n,K]: 1 where the image is of the class

  std::int64_t size() const { return logits.size(0); }
};

/// Labelled predictions with a temperature for each image. Probabilities are computed in float64, some images at a
/// time: for 100,000 images of 1,000 classes all of them would take 800 MB.
class CalibratedRows {
 public:
  /// temperatures: float64 [N], or [1] for all. Throws std::invalid_argument without images or labels, and for shapes
  /// that do not fit or logits that are not finite, naming the row.
  CalibratedRows(const predict::Predictions& predictions, data::Task task, const torch::Tensor& temperatures);

  std::int64_t images() const { return logits_.size(0); }
  std::int64_t classes() const { return logits_.size(1); }
  data::Task task() const { return task_; }
  bool is_single_label() const { return task_ == data::Task::kSingleLabel; }
  metric::Activation activation() const { return predict::activation_of(task_); }

  /// In order.
  void for_each_part(const std::function<void(const CalibratedPart& part)>& visit) const;

 private:
  torch::Tensor logits_;        // floating [N,K]
  torch::Tensor targets_;       // int64 [N]; floating [N,K]
  torch::Tensor temperatures_;  // float64 [N]
  data::Task task_;
};

}  // namespace margay::interpret
