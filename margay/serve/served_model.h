#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/predict/training_inputs.h"

namespace margay::bundle {
struct Bundle;
}

namespace margay::serve {

class Predictor;
struct PredictorOptions;

/// What is told of a model.
struct ModelFacts {
  std::string name;
  std::filesystem::path file;
  std::string sha256;   ///< of the file, 64 digits
  std::string version;  ///< its first 16
  std::string architecture;
  std::string precision;            ///< "fp32" or "bf16"
  std::string device;               ///< "cpu", "cuda:0"
  std::vector<std::string> labels;  ///< [K]
  bool is_multi_label = false;
  int size = 0;            ///< side of the square that the network sees, pixels
  double temperature = 1;  ///< of the calibration that is applied
  bool is_calibrated = false;
  std::optional<double> alpha;  ///< images whose p_known is at most this are "none of these"; absent: it cannot tell
  std::optional<predict::TrainingInputs> training;  ///< absent in bundles of earlier versions
  double golden_difference = 0;                     ///< largest of a logit from the bundle's golden ones
  int golden_images = 0;                            ///< 0 in bundles of earlier versions: nothing was compared
};

/// A model ready to predict; it never changes. Requests hold it, so that one that is replaced lives until its last
/// request is answered.
class ServedModel {
 public:
  /// Reads the file once, checks it, and compares the predictions for its golden images with the logits that it keeps.
  /// Throws core::DataError naming the file, what bundle::load_bundle and Predictor throw, core::FormatError where a
  /// golden logit is further off than its tolerance.
  static std::shared_ptr<const ServedModel> load(const std::string& name, const std::filesystem::path& file,
                                                 const PredictorOptions& options);
  /// Of a bundle in memory, for programs that embed the queue; without file and hash. Throws as Predictor, and as load
  /// of golden images.
  static std::shared_ptr<const ServedModel> of_bundle(const std::string& name, bundle::Bundle bundle,
                                                      const PredictorOptions& options);

  ServedModel(ModelFacts facts, std::unique_ptr<const Predictor> predictor);
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;
  ~ServedModel();

  const ModelFacts& facts() const { return facts_; }
  const Predictor& predictor() const { return *predictor_; }

 private:
  ModelFacts facts_;
  std::unique_ptr<const Predictor> predictor_;
};

}  // namespace margay::serve
