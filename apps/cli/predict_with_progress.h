#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/serve/predictor.h"

namespace margay::cli {

/// The arguments with every folder replaced by the images in it.
data::PathList images_of(const std::vector<std::filesystem::path>& arguments);

/// Predictor::predict with a progress line called `task`.
serve::PredictionTable predict_with_progress(const serve::Predictor& predictor, const data::PathList& images,
                                             const std::string& task);

}  // namespace margay::cli
