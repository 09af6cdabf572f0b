#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/bundle/bundle.h"
#include "margay/core/options.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/export/certificate.h"
#include "margay/export/onnx_reader.h"
#include "margay/export/runtime.h"
#include "margay/predict/predictions.h"

namespace margay::exporting {

struct VerifyOptions {
  /// Commands of runners (runtime.h) besides those that are installed.
  std::vector<std::string> runner;
  double runner_limit_s = 300;
  /// Images to compare, evenly spread over all that are given; 0: all.
  std::int64_t num_images = 1000;
  /// Compares what the files say, whatever their hashes say.
  bool ignore_hashes = false;
  CertificateBounds bounds;

  static const core::OptionTable& fields();
};

/// Whether a model computes in int8, so that its numbers differ from float's by design.
bool is_quantised(const OnnxModel& model);

/// Margay's predictions for inputs of the network, float [N,3,S,S]: serve::Predictor::predict_inputs.
using PredictInputs = std::function<predict::Predictions(const torch::Tensor& inputs)>;

/// What is compared with what.
struct Verification {
  const OnnxFile& onnx;
  std::filesystem::path model;          ///< NAME.margay
  const bundle::Bundle& bundle;         ///< read from it, no batch norm folded
  const data::ImagePipeline& pipeline;  ///< the bundle's
  PredictInputs predict;
  std::filesystem::path folder;                 ///< of the images; their names are relative to it
  std::shared_ptr<const data::Dataset> images;  ///< labels are used where they are those of the bundle
  VerifyOptions options;
  /// Called after every image with how many are done, of how many. It may throw, which ends the verification.
  std::function<void(std::size_t done, std::size_t total)> on_progress = {};
  /// Called some times a second while a runtime is waited for. It may throw likewise.
  std::function<void()> on_wait = {};
};

/// Runs the ONNX file in every runtime at hand, image by image, and compares what it says with the bundle's
/// predictions. Both get the same pixels: the whole image, as a program that runs the file decodes it, or, where the
/// file begins at a tensor, the input that the pipeline makes of it. What the pipeline's own way of reading changes is
/// stated besides (Certificate::scaled_decoding). A runtime that fails is named in
/// the certificate, and the others go on. One image is computed at a time; the first one is computed once more before
/// that, so that no time contains a beginning.
/// Weights of a file in float must be the bundle's, bit for bit, whatever the hashes say.
/// Hashes: the ONNX file must be as it was written (its own hash is in it), and made from this model file.
/// Throws core::FormatError for a file whose inputs and outputs are others; core::Error where no runtime is at hand;
/// core::DataError where no image can be read; std::invalid_argument for options out of range.
Certificate verify(const Verification& verification);

}  // namespace margay::exporting
