#pragma once

// A network and one batch that is already there, for models.cpp and network_shares.cpp.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>
#include <torch/utils.h>

#include "benchmarks/timing.h"
#include "margay/margay.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/precision.h"
#include "margay/train/optim/optimizer.h"

namespace network_speed {

/// Of `steps` calls after one that fills caches.
inline double best_seconds(int steps, const std::function<void()>& work) {
  work();
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < steps; ++i) best = std::min(best, benchmarks::seconds_of(work));
  return best;
}

inline torch::Tensor logits_of(margay::Classifier& classifier, const torch::Tensor& images,
                               margay::Precision precision) {
  const margay::Autocast autocast(torch::kCPU, precision);
  return classifier.forward(images).to(torch::kFloat);
}

/// A network of 1,000 classes and a batch of noise, channels-last.
class NetworkTrial {
 public:
  NetworkTrial(const std::string& name, margay::Precision precision, std::int64_t batch, std::int64_t px)
      : classifier_(margay::make_classifier({.architecture = name, .num_classes = 1000, .image_px = px})),
        precision_(precision),
        images_(torch::randn({batch, 3, px, px}).contiguous(at::MemoryFormat::ChannelsLast)),
        targets_(torch::randint(1000, {batch}, torch::kLong)),
        adam_(margay::train::make_optimizer(classifier_->parameter_groups())) {}

  void train() {
    margay::cross_entropy(logits_of(*classifier_, images_, precision_), targets_).backward();
    adam_->step({std::vector<double>(adam_->num_groups(), 1e-9), 0.9});
    adam_->zero_grad();
  }

  void predict() {
    const torch::NoGradGuard no_grad;
    logits_of(*classifier_, images_, precision_);
  }

  /// As Predictor keeps the network.
  void fold() {
    margay::model::fold_batch_norms(*classifier_);
    margay::model::store_weights_in(*classifier_, precision_);
  }

  margay::Classifier& classifier() { return *classifier_; }

 private:
  std::shared_ptr<margay::Classifier> classifier_;
  margay::Precision precision_;
  torch::Tensor images_;
  torch::Tensor targets_;
  std::unique_ptr<margay::train::Optimizer> adam_;
};

}  // namespace network_speed
