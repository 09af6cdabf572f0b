#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "margay/bundle/bundle.h"
#include "margay/data/source/names.h"
#include "margay/predict/prediction_file.h"
#include "margay/run/evaluation_set.h"

namespace margay::run {

/// Picks the rows of a pass over an EvaluationSet whose images count: those of images that the model was trained on are
/// known only once they are read, and do not. Keeps what is to be told of the others.
class JudgedRows {
 public:
  /// The set must outlive it.
  explicit JudgedRows(const EvaluationSet& set) : set_(set) {}

  /// The batch with those rows alone, and its skipped images noted.
  predict::Predictions counting(predict::Predictions batch);

  std::int64_t judged() const { return judged_; }
  /// Images that were left out because the model was trained on them.
  const data::NameList& trained() const { return trained_; }
  const std::vector<data::SkippedImage>& skipped() const { return skipped_; }

  /// Throws core::DataError, naming the folder, if images were read and none counts. remedy: half a sentence.
  void check_any(const std::filesystem::path& folder, const std::string& remedy) const;

 private:
  const EvaluationSet& set_;
  std::int64_t judged_ = 0;
  data::NameList trained_;
  std::vector<data::SkippedImage> skipped_;
};

/// Where predictions that are kept came from.
struct JudgedOrigin {
  const bundle::Bundle& bundle;
  std::filesystem::path model;   ///< its file
  std::filesystem::path folder;  ///< of the images
  std::string reason;            ///< which images, and why: a sentence
  std::size_t trained = 0;       ///< images that were left out
};

/// The predictions of a set, to be kept: with names relative to the folder, and "model", "model_sha256", "data",
/// "reason", "trained_left_out" and, of models that tell unknown images, "unknown" as their origin. Reads the model's
/// file for its sum. Throws as predict::kept_predictions and core::DataError for a file that is gone.
predict::KeptPredictions judged_predictions(predict::Predictions rows, const EvaluationSet& set,
                                            const JudgedOrigin& origin);

/// How a model's detector refuses images: {"alpha": .05, "score": "mahalanobis", "guarantee": "split", "can_refuse":
/// true, "calibration_images": 192}.
nlohmann::ordered_json detector_json(const predict::UnknownDetector& detector);

}  // namespace margay::run
