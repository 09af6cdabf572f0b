#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "margay/bundle/bundle.h"
#include "margay/core/options.h"
#include "margay/export/onnx_model.h"
#include "margay/export/quantize.h"
#include "margay/export/verify.h"

namespace margay::cli {

/// Whether a model is exported in int8, and by which images.
struct QuantisationOptions {
  bool int8 = false;
  std::filesystem::path calibrate;  ///< a folder of images
  std::int64_t num_calibration_images = 256;
  exporting::QuantizeOptions quantize;

  static const core::OptionTable& fields();
};

/// What is quantised, and where it goes.
struct QuantisedExport {
  const bundle::Bundle& bundle;
  std::filesystem::path model;   ///< the bundle's file
  std::filesystem::path target;  ///< of the ONNX file; another one lies beside it meanwhile
};

/// The model in int8, with ranges from the images that the model was trained on, where the folder holds them, and
/// otherwise from all. The first runtime that was asked for computes them, or ONNX Runtime where it is installed. Warns
/// of images that cannot be read, and prints a line unless told otherwise; metadata margay.quantisation says the same.
/// Throws UsageError without such a runtime, core::Interrupted, and as exporting::calibrate_ranges.
exporting::OnnxModel quantised_onnx(const exporting::OnnxModel& model, const QuantisedExport& what,
                                    const QuantisationOptions& options, const exporting::VerifyOptions& runtimes,
                                    bool is_quiet);

}  // namespace margay::cli
