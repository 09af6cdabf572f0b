#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/data/dataset.h"
#include "margay/data/image_list.h"
#include "margay/data/item.h"
#include "margay/predict/predictions.h"

namespace margay::predict {

/// Predictions of one pass over images, with what is needed to judge them without the model and without the images:
/// names, classes, labels. Every evaluation can start from a folder of these (save_predictions, load_predictions).
struct KeptPredictions {
  /// Logits (always the network's own), temperature, ids and skipped images, targets where the images have labels, and
  /// p_known where it was asked for. Probabilities and losses
  /// may be undefined: for 100,000 images of 1,000 classes the probabilities alone take 400 MB.
  Predictions rows;
  data::PathList names;         ///< [N], of each row's image, relative to `root` where it lies below it
  std::filesystem::path root;   ///< the folder of the images; empty where they are no files
  data::Vocabulary vocabulary;  ///< K classes
  data::Task task = data::Task::kSingleLabel;
  /// int64 [N], any values: images of one value are not independent of each other (data::Dataset::group); undefined:
  /// each image is alone.
  torch::Tensor groups = {};
  /// bool [N]: the images that were answered with "none of these"; undefined: none could be.
  torch::Tensor refused = {};
  /// Where they come from: "model", "model_sha256", "data", "part", "reason" (a sentence), "left_out" (names of images
  /// that were not judged, by reason), … The form is free; it is stored unchanged.
  nlohmann::ordered_json origin = nlohmann::ordered_json::object();

  std::int64_t size() const { return rows.size(); }
  std::int64_t num_classes() const { return vocabulary.size(); }
  bool has_labels() const { return rows.targets.defined(); }
  metric::Activation activation() const { return activation_of(task); }

  /// Throws std::invalid_argument, naming what does not fit: sizes, types, targets that are no class, a logit that is
  /// not finite (naming the image), a temperature that is not positive.
  void check() const;
};

/// Predictions for a dataset, or for some of its images, with their names, groups and which of them are refused. root:
/// the folder that names are made relative to; empty: they stay as they are. Throws std::invalid_argument for ids that
/// the dataset lacks.
KeptPredictions kept_predictions(Predictions rows, const data::Dataset& dataset, const data::Vocabulary& vocabulary,
                                 const std::filesystem::path& root = {});

/// Gathers the logits, targets and p_known of batches in memory that is allocated once, so that those of 100,000 images
/// and 1,000 classes take 400 MB and never twice that.
class PredictionGatherer {
 public:
  /// images: the most that can come.
  explicit PredictionGatherer(std::size_t images) : capacity_(static_cast<std::int64_t>(images)) {}

  /// Copies the rows of a batch, and notes its skipped images. rows: the positions in the batch that are kept, all if
  /// null. Throws std::invalid_argument for batches that do not fit together and for more rows than announced.
  void add(const Predictions& batch, const std::vector<std::int64_t>* rows = nullptr);
  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }
  /// The rows so far, in the order they came, without probabilities and losses. The gatherer is empty afterwards.
  Predictions take();

 private:
  std::int64_t capacity_;
  double temperature_ = 1;
  torch::Tensor logits_;
  torch::Tensor targets_;
  torch::Tensor p_known_;
  double alpha_ = 0;
  std::vector<std::size_t> ids_;
  std::vector<data::SkippedImage> skipped_;
};

/// The two files of a folder of kept predictions.
constexpr const char* kPredictionTensorsFile = "predictions.safetensors";
constexpr const char* kPredictionJsonFile = "predictions.json";

/// Whether the folder holds kept predictions, by the names of its files.
bool is_prediction_folder(const std::filesystem::path& folder);

/// Writes `predictions.safetensors` (logits float32 [N,K]; targets int64 [N] or float32 [N,K]; ids int64 [N]; groups
/// int64 [N]; p_known float64 [N]; refused bool [N]; names uint8: the bytes of each name and a zero after it; what is
/// undefined is not there) and `predictions.json` (format_version, images, classes, task, vocabulary, root,
/// temperature, origin, skipped, and the checksum of the tensors, so that two files that do not belong together are
/// told). Both are written atomically, the JSON last. Makes the folder. Throws core::IoError, and std::invalid_argument
/// as check.
void save_predictions(const std::filesystem::path& folder, const KeptPredictions& predictions);

/// Reads them again; probabilities and losses are undefined. Throws core::DataError where a file is missing, and
/// core::FormatError, naming file and field, for files that are broken, do not belong together or do not fit, and
/// core::NewerFormatError for those of a newer Margay.
KeptPredictions load_predictions(const std::filesystem::path& folder);

}  // namespace margay::predict
