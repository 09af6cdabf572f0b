#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "margay/data/dataset.h"
#include "margay/predict/nearest_images.h"

namespace margay::run {

/// A training image that looks to the network like another image.
struct TrainingExample {
  std::filesystem::path image;
  std::vector<std::string> labels;
  double similarity = 0;  ///< as predict::NearImage
};

/// The training images of a model by their features, to explain a prediction by what it was learned from.
class TrainingFeatures {
 public:
  /// Receives the images done and all of them; what it throws ends the work, and what was computed stays in the cache.
  using OnProgress = std::function<void(std::int64_t done, std::int64_t total)>;

  struct Options {
    std::filesystem::path folder;        ///< of the training's images, wherever it now lies
    std::filesystem::path cache_folder;  ///< predict::FeatureCache's, which probes share; "": nothing is kept
    std::string device = "cpu";          ///< as model::find_device
  };

  /// Reads the model's file and the images that it was trained on; features come from the cache where a probe or an
  /// earlier call left them, as nothing of them depends on who asks. The batch norms are not folded, so that they are
  /// the same bits. Images that cannot be read are left out and noted. Throws core::DataError as EvaluationSet (a
  /// folder without images of the training, tables that have moved) and as bundle::load_bundle.
  TrainingFeatures(const std::filesystem::path& model, const Options& options, const OnProgress& on_progress = {});

  std::int64_t size() const { return nearest_.size(); }
  /// How many of them were in the cache.
  std::int64_t from_cache() const { return from_cache_; }
  /// A sentence: which images these are.
  const std::string& reason() const { return reason_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// The `count` most similar, the most similar first. features: float [D] or [1,D] of the model, as
  /// predict::NetworkOutput::kLogitsAndFeatures gives them; that batch norms are folded there moves a similarity by
  /// 1e-6.
  std::vector<TrainingExample> nearest(const torch::Tensor& features, std::size_t count) const;

 private:
  std::shared_ptr<const data::Dataset> images_;
  std::vector<std::size_t> ids_;  ///< of the rows
  std::vector<std::string> vocabulary_;
  predict::NearestImages nearest_;
  std::int64_t from_cache_ = 0;
  std::string reason_;
  std::vector<std::string> warnings_;
};

}  // namespace margay::run
