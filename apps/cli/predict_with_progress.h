#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "margay/serve/predictor.h"

namespace margay::cli {

/// The arguments with every folder replaced by the images in it.
data::PathList images_of(const std::vector<std::filesystem::path>& arguments);

/// Predictor::predict with a progress line called `task`.
predict::Predictions predict_with_progress(const serve::Predictor& predictor, const data::PathList& images,
                                           const std::string& task);

/// Predictor::stream with such a progress line.
void stream_with_progress(const serve::Predictor& predictor, std::shared_ptr<const data::Dataset> images,
                          const predict::PredictionSink& sink, const std::string& task);

}  // namespace margay::cli
