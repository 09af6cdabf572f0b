#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/data/loader/batch.h"

namespace margay::train {

/// Where the loop is; what callbacks look at.
struct Progress {
  std::string stage;         ///< the recipe's name for this fit: "frozen", "unfrozen", …
  std::int64_t epoch = 0;    ///< of this fit, from 0
  std::int64_t epochs = 0;   ///< of this fit; 0 where time decides
  std::int64_t step = 0;     ///< batch of this pass, from 0
  std::int64_t steps = 0;    ///< batches of this pass
  bool is_training = false;  ///< in the training pass
  double fraction = 0;       ///< of this fit, 0 … 1: what schedules see
  std::vector<double> lrs;   ///< of this step, one per group
  double momentum = 0;
  data::Batch batch;
  torch::Tensor logits;     ///< float [N,K] of this batch
  torch::Tensor loss;       ///< scalar of this batch
  double smooth_loss = 0;   ///< exponentially weighted mean of the training losses so far
  double images_per_s = 0;  ///< of this pass so far
  double wait_share = 0;    ///< of this pass so far, spent waiting for data, 0 … 1
};

/// One line of the history, as fastai prints it and a little more.
struct EpochRecord {
  std::int64_t epoch = 0;
  std::string stage;
  double train_loss = 0;
  double valid_loss = 0;          ///< NaN without validation images
  std::vector<double> metrics;    ///< in the learner's order
  double seconds = 0;             ///< training and validation
  std::int64_t steps_so_far = 0;  ///< over all fits, at its end
  double train_images_per_s = 0;
  // Shares of the training pass, 0 … 1:
  double wait_share = 0;      ///< waiting for data
  double forward_share = 0;   ///< network and loss
  double backward_share = 0;  ///< gradients
  double update_share = 0;    ///< the optimizer
  double callback_share = 0;  ///< everything that listens
};

/// One training step.
struct StepRecord {
  double lr = 0;  ///< of the last group
  double momentum = 0;
  double loss = 0;
};

}  // namespace margay::train
