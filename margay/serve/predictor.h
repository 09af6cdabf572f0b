#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/bundle/bundle.h"
#include "margay/core/options.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/loader.h"
#include "margay/model/precision.h"
#include "margay/predict/image_by_image.h"
#include "margay/predict/inference.h"
#include "margay/predict/test_time_augmentation.h"

namespace margay::serve {

/// What is said of an image whose logits are NaN or infinite.
inline constexpr const char* kComputesNoNumber =
    "the model computes no number for it: a weight of it, or what it was given, is not finite";

struct PredictorOptions {
  int batch_size = 64;
  std::optional<int> num_workers;
  model::Precision precision = model::Precision::kFp32;
  std::string device = "cpu";  ///< as model::find_device
  int tta = 0;
  double tta_beta = predict::TtaOptions().beta;
  bool raw = false;
  std::int64_t max_pixels = data::ReadOptions().max_pixels;
  data::Decoding decode = data::Decoding::kScaled;

  // Not in the table: the caller's.
  /// kLogitsAndFeatures: predictions have features, too.
  predict::NetworkOutput output = predict::NetworkOutput::kLogits;

  static const core::OptionTable& fields();
};

/// Predicts with a bundle alone, which has the sizes, the normalisation, the classes and the calibration. Logits are
/// the network's own; probabilities and losses are calibrated unless options.raw says otherwise. With a bundle that
/// tells unknown images, predictions have p_known; it is that of the image itself, without its draws. The prediction
/// for an image does not depend on the other images: on a CPU it is the same bits with any companions, in any batch
/// size (predict::ImageByImage). Several threads may predict at once. Batch norms are folded into the convolutions
/// before them (model/fold_batch_norms.h), and on a CPU weights are kept in oneDNN's order, too
/// (model/packed_convolution.h), in the bundle's classifier if no one else holds it, otherwise in a copy.
class Predictor {
 public:
  using OnProgress = std::function<void(std::size_t done, std::size_t total)>;

  /// Throws std::invalid_argument for a bundle without a classifier and options out of range.
  explicit Predictor(bundle::Bundle bundle, const PredictorOptions& options = {});

  /// The predictions for images without labels, in the given order. With options.tta they are averaged.
  /// Throws core::DataError if no image can be read, std::invalid_argument for an empty list.
  predict::Predictions predict(const data::ImageList& images, const OnProgress& on_progress = {}) const;

  /// Predicts batch by batch, with targets and losses if the images have labels; with options.tta about 1,024 images at
  /// once, which all passes go over before the next. Memory does not grow with the number of images. Throws as predict,
  /// and std::invalid_argument for labels of another task or another number of classes than the bundle's.
  void stream(std::shared_ptr<const data::Dataset> images, const predict::PredictionSink& sink,
              const OnProgress& on_progress = {}) const;

  /// The same for some batches alone, with the ids and bits that stream() gives them, so that several processes can
  /// share a set. part: batches of batch_size() images, counted from the first; it may have no image that can be read.
  void stream_part(std::shared_ptr<const data::Dataset> images, const predict::PassPart& part,
                   const predict::PredictionSink& sink) const;

  /// The predictions for images that pipeline() has made, float [N,C,size,size] with N at least 1, as one batch on the
  /// device; their ids are 0 … N-1. options.tta is not applied. The same bits as predict gives. Throws
  /// std::invalid_argument for another shape.
  predict::Predictions predict_inputs(const torch::Tensor& images) const;
  /// What makes an image an input of the network (Phase::kValid).
  const data::ImagePipeline& pipeline() const { return pipeline_; }
  torch::Device device() const { return bundle_.classifier->device(); }

  /// Computes one batch of `images` grey images and discards the result, so that the work that LibTorch does once per
  /// process and shape (compiling kernels, starting threads, touching memory) is done before the first prediction, and
  /// finds out whether a lone image may use all threads (ImageByImage::prove). For programs that have time before
  /// someone waits. Throws std::invalid_argument unless images >= 1.
  void warm_up(std::int64_t images = 1) const;

  int batch_size() const { return options_.batch_size; }
  const data::Vocabulary& vocabulary() const { return bundle_.vocabulary; }
  data::Task task() const { return bundle_.task; }
  bool is_multi_label() const { return bundle_.task == data::Task::kMultiLabel; }
  /// What is applied: the bundle's calibration, or none with options.raw.
  const predict::Calibration& calibration() const { return calibration_; }
  const bundle::Bundle& bundle() const { return bundle_; }
  /// What the network computes in; never kAuto.
  model::Precision precision() const { return precision_; }

 private:
  data::Loader loader(std::shared_ptr<const data::Dataset> images) const;
  predict::InferenceOptions inference() const;
  predict::Predictions collect(const data::Loader& loader, const OnProgress& on_progress) const;
  /// Adds up the images of all passes and reports the sum to on_progress.
  predict::ImageCounter counter(const data::Loader& loader, const OnProgress& on_progress) const;

  bundle::Bundle bundle_;
  PredictorOptions options_;
  predict::Calibration calibration_;
  model::Precision precision_;
  data::ImagePipeline pipeline_;
  std::shared_ptr<predict::ImageByImage> each_alone_ = std::make_shared<predict::ImageByImage>();
};

}  // namespace margay::serve
