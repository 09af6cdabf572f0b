#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/data/item.h"

namespace margay::routes {

/// A class and how probable it is.
struct Guess {
  std::string label;
  double probability = 0;  ///< 0 … 1, calibrated where the model is
};

/// How usual an image is among those of the classes, by a model that tells.
struct Familiarity {
  double p_known = 1;    ///< UnknownDetector::p_known
  bool is_none = false;  ///< refused: none of the classes
};

/// All that is said of an image, on the command line as by the server.
struct ImagePrediction {
  std::string image;                               ///< its path, or the name that it was sent under; any bytes
  std::vector<Guess> guesses;                      ///< the most probable first
  std::optional<std::vector<std::string>> labels;  ///< models of several labels: those above the threshold
  std::optional<Familiarity> familiarity;          ///< models that tell unknown images

  bool is_none() const { return familiarity && familiarity->is_none; }
};

/// What a network gives for an image, [K] each.
struct ImageOutputs {
  std::span<const float> logits;
  std::span<const float> probabilities;
  std::optional<double> p_known = std::nullopt;
};

/// What is to be said.
struct PredictionChoice {
  int top = 3;             ///< classes to list, 1 or more; fewer where a model has fewer
  double threshold = 0.5;  ///< several labels: the probability before calibration above which a class is predicted
  double alpha = 0;        ///< images whose p_known is at most this are refused
};

/// The classes stand in the order of the logits, which no calibration changes, equal ones in the order of
/// `labels`, [K]; probabilities may round to the same number. Throws std::invalid_argument unless there is a logit and
/// a probability for each class.
ImagePrediction image_prediction(std::string image, const ImageOutputs& outputs, std::span<const std::string> labels,
                                 data::Task task, const PredictionChoice& choice);

/// Which model said it.
struct ModelIdentity {
  std::string name;
  std::string version;  ///< of its file (model_version)
};

/// How many digits of a file's SHA-256 are its version.
inline constexpr std::size_t kVersionDigits = 16;

/// The version of a model: the first digits of the SHA-256 of its file. Throws core::DataError where it cannot be read.
std::string model_version(const std::filesystem::path& file);

/// The form of the JSON object, which grows when a key changes its meaning or goes; new keys do not change it.
inline constexpr int kPredictionSchema = 1;

/// The one JSON object for an image: `path`, with several labels `labels`, with a model that tells unknown images
/// `none_of_these` and `p_known`, then `predictions` of `label` and `probability`, `model`, `model_version` and
/// `schema`.
nlohmann::ordered_json to_json(const ImagePrediction& prediction, const ModelIdentity& model);

}  // namespace margay::routes
