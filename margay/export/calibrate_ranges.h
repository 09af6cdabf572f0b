#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/export/quantize.h"
#include "margay/export/runtime.h"

namespace margay::exporting {

/// What quantisation is fitted to.
struct CalibrationImages {
  std::shared_ptr<const data::Dataset> images;  ///< of the training; labels do not matter
  const data::ImagePipeline& pipeline;          ///< the bundle's
  std::size_t most = 256;                       ///< evenly spread over all
  /// Called with a sentence for every image that cannot be read, which is left out.
  std::function<void(const std::string& problem)> on_unread = {};
};

/// The histograms of all values that quantised() asks for, as the runtime computes them for the images. The model with
/// these values as outputs is written to `scratch` meanwhile. on_progress: after every image; it may throw. Throws
/// RuntimeFailure; core::DataError where no image can be read; core::Error where nothing can be quantised.
ActivationHistograms calibrate_ranges(const OnnxModel& model, const QuantizeOptions& options, const Runner& runner,
                                      const CalibrationImages& images, const std::filesystem::path& scratch,
                                      const std::function<void(std::size_t done, std::size_t total)>& on_progress = {});

}  // namespace margay::exporting
