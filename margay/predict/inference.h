#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <torch/types.h>

#include "margay/data/loader/device_prefetcher.h"
#include "margay/data/loader/loader.h"
#include "margay/metric/metric.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/predict/predictions.h"

namespace margay::predict {

/// The network's mode during a pass: eval, after which the mode of every module is restored; or the current mode.
enum class NetworkMode { kEval, kUnchanged };

/// What is computed of a batch: the whole network, its backbone with the pooling of the linear head, or both, the
/// backbone once.
enum class NetworkOutput { kLogits, kFeatures, kLogitsAndFeatures };

class UnknownDetector;
class ImageByImage;

/// Batches of a pass as its loader counts them, with those of which no image can be read.
struct PassPart {
  std::int64_t first_batch = 0;
  std::int64_t batches = 1;  ///< fewer where the pass ends
};

struct InferenceOptions {
  /// Turns logits into probabilities.
  metric::Activation activation = metric::Activation::kSoftmax;
  /// What logits are divided by before that (Calibration::temperature).
  double temperature = 1;
  /// As resolve_precision returns it, never kAuto.
  model::Precision precision = model::Precision::kFp32;
  NetworkMode mode = NetworkMode::kEval;
  NetworkOutput output = NetworkOutput::kLogits;
  /// Gives predictions their p_known; outlives the pass. Null: they have none. Features are computed where it needs
  /// them.
  const UnknownDetector* unknown = nullptr;
  /// Computes each image alone, so that its outputs do not depend on the others; outlives the pass. Null, or a network
  /// that is not on a CPU: whole batches go through the network, and bits depend on their sizes.
  const ImageByImage* each_alone = nullptr;
  /// Decides the random draws of a loader that augments or shuffles.
  std::int64_t epoch = 0;
  /// The most batches to run; all unless given.
  std::optional<std::int64_t> batches = std::nullopt;
  /// A part of the pass to run instead of all of it; nothing beyond it is loaded.
  std::optional<PassPart> part = std::nullopt;
  /// The images to run, by their positions in the dataset, in this order; outlives the pass. Null: all. It excludes
  /// `part` (std::invalid_argument).
  const std::vector<std::size_t>* ids = nullptr;
  /// Batches with fewer images are left out.
  std::int64_t least_images = 1;
  /// Copies batches to the network's device; outlives the pass. Null: the pass makes its own. Passes that share one
  /// also share its device memory.
  data::BatchCopy* copy = nullptr;
};

/// images: float [N,C,H,W], where the network is. Result: float [N,K], there too.
torch::Tensor logits_of(model::Classifier& classifier, const torch::Tensor& images, model::Precision precision);

/// images: float [N,C,H,W], where the network is. Result: float [N,D], there too (model::pool_features).
torch::Tensor features_of(model::Classifier& classifier, const torch::Tensor& images, model::Precision precision);

struct LogitsAndFeatures {
  torch::Tensor logits;    ///< as of logits_of
  torch::Tensor features;  ///< as of features_of
};

/// Both from one pass through the backbone.
LogitsAndFeatures logits_and_features_of(model::Classifier& classifier, const torch::Tensor& images,
                                         model::Precision precision);

/// What is asked for, the other undefined.
LogitsAndFeatures outputs_of_batch(model::Classifier& classifier, const torch::Tensor& images, NetworkOutput output,
                                   model::Precision precision);

/// The predictions for images that are there already, float [N,C,H,W] with N at least 1, where the network is; their
/// ids are 0 … N-1, and there are no targets. The same as for_each_batch and stream_predictions give for these images
/// as one batch. The network must be in eval mode. Throws as stream_predictions.
Predictions predict_batch(model::Classifier& classifier, const torch::Tensor& images, const InferenceOptions& options);

/// One batch and what the network computes of it, both on the network's device.
struct BatchOutput {
  data::Batch batch;                            ///< may be moved from
  torch::Tensor logits;                         ///< float [N,K]; undefined where features alone are asked for
  torch::Tensor features;                       ///< float [N,D] where they are asked for, else undefined
  std::span<const data::SkippedImage> skipped;  ///< since the last visit; valid during the visit
  double images_per_s = 0;                      ///< of the pass so far
};

/// Totals of a pass.
struct PassSummary {
  std::int64_t batches = 0;
  std::int64_t images = 0;  ///< in the batches
  double seconds = 0;
  std::vector<data::SkippedImage> skipped;  ///< all of them, in order
};

using BatchVisitor = std::function<void(BatchOutput& output)>;

/// The only loop over batches that does not train. It computes the logits (or features, or both) of each batch of a
/// pass and passes them to `visit`. It keeps no batch, and gradients are disabled, also within `visit`. Several threads
/// may use the same network if it is in eval mode. Throws as data::LoaderPass::next and what `visit` throws; the mode
/// is restored then too. LibTorch's errors are Margay's (model/torch_errors.h).
PassSummary for_each_batch(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                           const BatchVisitor& visit);

/// Receives the predictions for one batch. The last ones may have no rows, only skipped images.
using PredictionSink = std::function<void(Predictions&& predictions)>;

/// Predicts batch by batch, so that memory does not grow with the number of images. Predictions have features where
/// `output` asks for both (kFeatures alone: std::invalid_argument). Skipped images are reported with
/// the next batch. There are targets and losses if the loader's images have labels. Throws as for_each_batch and
/// metric::image_losses.
void stream_predictions(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                        const PredictionSink& sink);

/// Receives the number of images read or skipped since the last call.
using ImageCounter = std::function<void(std::size_t images)>;

/// The predictions of a whole pass, in the order of their ids even if the loader shuffles. Probabilities and losses are
/// computed for all rows at once. Throws as stream_predictions.
Predictions collect_predictions(model::Classifier& classifier, const data::Loader& loader,
                                const InferenceOptions& options, const ImageCounter& count = {});

}  // namespace margay::predict
