#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/collective/group.h"
#include "margay/predict/prediction_file.h"
#include "margay/run/evaluation_set.h"
#include "margay/serve/predictor.h"

namespace margay::cli {

/// What judges a model: the images, and how predictions of them are computed.
struct JudgingOptions {
  run::EvaluationOptions images;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields();
};

/// The name of a model in text: the folder of its run, or the file.
std::string model_name(const std::filesystem::path& model);

/// Images of a set, the network that judges them, and what to say where none of them counts.
struct JudgedSet {
  const serve::Predictor& predictor;
  const run::EvaluationSet& set;
  std::filesystem::path folder;  ///< of the images, for messages
  std::string remedy = "give images that it has not seen";
  /// The processes that share the images; that of rank 0 gets all predictions, and the sinks of the others none.
  std::shared_ptr<collective::Group> group = collective::one_process();
};

/// What a pass came to.
struct JudgedCount {
  std::int64_t judged = 0;
  std::size_t trained = 0;  ///< images that were left out, as the model was trained on them
};

/// Runs the network over the images of a set, with a progress line, and hands over the batches with those of their rows
/// whose images count. Images that cannot be read, and those that the model was trained on, are warned of in the end.
/// Throws core::DataError if the model was trained on all of them, core::Interrupted where ctrl-C was listened for.
JudgedCount stream_judged(const JudgedSet& images, const predict::PredictionSink& sink, const std::string& task);

/// A model and the images that it is judged by, before the network runs; or predictions that were kept, in place of
/// both.
class JudgedModel {
 public:
  /// model: a file.margay, or a folder of kept predictions (of an earlier report, or of --predictions). Kept
  /// predictions need no images; where a folder of images is given, it is where they lie now. Throws UsageError for a
  /// model without images, and for options of the network with kept predictions; as load_bundle, EvaluationSet and
  /// load_predictions. group: of the processes that judge it together; kept predictions need none of them.
  JudgedModel(const std::filesystem::path& model, const JudgingOptions& options,
              std::shared_ptr<collective::Group> group = collective::one_process());

  bool is_kept() const { return kept_.has_value(); }
  data::Task task() const;
  /// Which images are judged, and why, in the program's words.
  const std::string& reason() const { return reason_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  std::int64_t num_images() const;
  std::int64_t num_classes() const;
  /// Null for kept predictions.
  const std::shared_ptr<serve::Predictor>& predictor() const { return predictor_; }

  /// What the logits of all images take in memory.
  std::uint64_t logit_bytes() const;

  /// stream_judged. Of a model, once. All processes of the group call it, or predictions(), with the same images and
  /// options; else std::invalid_argument, in all alike.
  void stream(const predict::PredictionSink& sink, const std::string& task);

  /// All of them, in memory: of the network, or as they were kept. Throws as stream, and core::OutOfMemoryError where
  /// they cannot fit.
  predict::KeptPredictions predictions(const std::string& task);

 private:
  std::filesystem::path model_;
  const JudgingOptions& options_;
  std::shared_ptr<collective::Group> group_;
  std::optional<predict::KeptPredictions> kept_;
  std::shared_ptr<serve::Predictor> predictor_;
  std::unique_ptr<run::EvaluationSet> set_;
  std::string reason_;
  std::vector<std::string> warnings_;
  std::size_t trained_ = 0;  ///< images that were left out, as the model was trained on them
};

}  // namespace margay::cli
