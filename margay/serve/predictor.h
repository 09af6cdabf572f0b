#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "margay/bundle/bundle.h"
#include "margay/core/options.h"
#include "margay/data/loader/loader.h"
#include "margay/metric/test_time_augmentation.h"
#include "margay/model/precision.h"

namespace margay::serve {

struct PredictorOptions {
  int batch_size = 64;
  std::optional<int> num_workers;
  model::Precision precision = model::Precision::kFp32;
  int tta = 0;
  double tta_beta = metric::TtaOptions().beta;
  std::int64_t max_pixels = data::ReadOptions().max_pixels;

  static const core::OptionTable& fields();
};

/// The predictions of a bundle. There is one row for each image that could be read, in the given order.
struct PredictionTable {
  torch::Tensor logits;          ///< float [N,K]; with tta those of the averaged probabilities
  torch::Tensor probabilities;   ///< float [N,K]: softmax, rows sum to 1; sigmoids where the task is multi-label
  std::vector<std::size_t> ids;  ///< [N], positions in the list given
  std::vector<data::SkippedImage> skipped;
};

/// Predicts with a bundle alone, which has the sizes, the normalisation and the classes. The prediction for an image
/// does not depend on the other images. Several threads may predict at once. Batch norms are folded into the
/// convolutions before them (model/fold_batch_norms.h), in the bundle's classifier if no one else holds it, otherwise
/// in a copy.
class Predictor {
 public:
  using OnProgress = std::function<void(std::size_t done, std::size_t total)>;

  /// Throws std::invalid_argument for a bundle without a classifier and options out of range.
  explicit Predictor(bundle::Bundle bundle, const PredictorOptions& options = {});

  /// Throws core::DataError if no image can be read, std::invalid_argument for an empty list.
  PredictionTable predict(const data::ImageList& images, const OnProgress& on_progress = {}) const;

  /// Computes one batch of `images` grey images and discards the result, so that the work that LibTorch does once per
  /// process and shape (compiling kernels, starting threads, touching memory) is done before the first prediction. For
  /// programs that have time before someone waits. Throws std::invalid_argument unless images >= 1.
  void warm_up(std::int64_t images = 1) const;

  const data::Vocabulary& vocabulary() const { return bundle_.vocabulary; }
  data::Task task() const { return bundle_.task; }
  bool is_multi_label() const { return bundle_.task == data::Task::kMultiLabel; }
  const bundle::Bundle& bundle() const { return bundle_; }

 private:
  /// images: float [N,C,H,W]. Returns float [N,K].
  torch::Tensor logits_of(const torch::Tensor& images) const;
  PredictionTable ask(data::LoaderPass pass, const std::function<void(std::size_t)>& advance) const;

  bundle::Bundle bundle_;
  PredictorOptions options_;
  model::Precision precision_;
};

}  // namespace margay::serve
