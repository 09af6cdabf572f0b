#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "margay/bundle/bundle.h"
#include "tests/studio/running_studio.h"
#include "tests/support/served_models.h"

namespace margay::testing_support {

/// A studio over a run with a model (of random weights) and the images of its training: 3 flat and 3 upright ones to
/// train, 2 and 2 to validate.
class StudioWithModel {
 public:
  explicit StudioWithModel(const studio::StudioOptions& options = {}) : running_(options) {
    const auto images = running_.folder() / "images";
    write_tiny_images(images, 3, 2);
    write(run() / "config.json", nlohmann::json({{"batch", {{"folder", images.string()}}}}).dump());
    bundle::save_bundle(run() / "model.margay", seeded_bundle(7));
  }

  std::filesystem::path run() const { return running_.folder() / "runs/20240501-090000-stripes"; }
  static std::string model() { return "runs:20240501-090000-stripes/model.margay"; }
  /// The same as one value of a query.
  static std::string model_query() { return "runs%3A20240501-090000-stripes%2Fmodel.margay"; }

  RunningStudio& running() { return running_; }

 private:
  RunningStudio running_;
};

}  // namespace margay::testing_support
