#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/metric/metric.h"
#include "margay/predict/inference.h"

namespace margay::predict {

struct TtaOptions {
  std::int64_t n = 4;  ///< draws of every image, 1 … 1000
  double beta = 0.25;  ///< share of the plain prediction, 0 … 1

  static const core::OptionTable& fields();
};

/// Averages the predictions for an image itself and for several augmented draws of it (test-time augmentation, fastai's
/// tta): probabilities = beta · plain + (1 - beta) · mean over the draws. The result is returned as logits, so that
/// callers apply their temperature and activation as usual. plain: float [N,K] logits; draws: logits of that shape, one
/// at least; beta: 0 … 1. Throws std::invalid_argument for what does not fit.
torch::Tensor average_draws(const torch::Tensor& plain, const std::vector<torch::Tensor>& draws,
                            metric::Activation activation, double beta);

/// collect_predictions, averaged with tta.n passes over loader.augmented() (its epochs 0 … n-1). `count` is called for
/// the images of all n + 1 passes. Throws as collect_predictions, std::invalid_argument for options out of range, and
/// core::DataError for an image that can be read in one pass and not in another.
Predictions collect_averaged(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                             const TtaOptions& tta, const ImageCounter& count = {});

/// The same predictions, part by part, so that memory does not grow with the number of images: all passes over
/// batches_at_once batches, then over the next. Throws as collect_averaged.
void stream_averaged(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                     const TtaOptions& tta, std::int64_t batches_at_once, const PredictionSink& sink,
                     const ImageCounter& count = {});

}  // namespace margay::predict
