#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "margay/data/item.h"
#include "margay/data/loader/loader_pass.h"
#include "margay/metric/metric.h"

namespace margay::predict {

/// Softmax for one class per image, sigmoids for any number of classes.
inline metric::Activation activation_of(data::Task task) {
  return task == data::Task::kSingleLabel ? metric::Activation::kSoftmax : metric::Activation::kSigmoid;
}

/// The predictions for images: those of one batch, or of a whole dataset. There is one row for each image that could be
/// read. All tensors are on the CPU.
struct Predictions {
  torch::Tensor logits;                     ///< float [N,K], the network's own, whatever the temperature
  double temperature = 1;                   ///< that probabilities and losses were computed at (Calibration)
  torch::Tensor probabilities;              ///< float [N,K], metric::probabilities of logits / temperature
  torch::Tensor targets;                    ///< int64 [N]; float [N,K] for multi-label; undefined without labels
  torch::Tensor losses;                     ///< float [N], see metric::image_losses; undefined without labels
  torch::Tensor features;                   ///< float [N,D] where they were asked for, else undefined
  torch::Tensor p_known;                    ///< double [N], see UnknownDetector; undefined without one
  double alpha = 0;                         ///< images whose p_known is at most this are refused; 0: none are
  std::vector<std::size_t> ids;             ///< [N], positions in the dataset
  std::vector<data::SkippedImage> skipped;  ///< images that could not be read, and why

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
  /// Sets the logits, float [N,K], and computes from logits / temperature the probabilities, and the losses if there
  /// are targets. Throws as metric::image_losses, std::invalid_argument unless the temperature is above 0 and finite.
  void set_logits(const torch::Tensor& new_logits, metric::Activation activation, double new_temperature = 1);
};

/// The rows and skipped images of all parts, with the rows in the order of their ids (those with the same id keep their
/// order). Probabilities and losses are not set. Throws std::invalid_argument if there are no parts, or if only some of
/// them have targets, features or p_known.
Predictions joined(const std::vector<Predictions>& parts);

}  // namespace margay::predict
