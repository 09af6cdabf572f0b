#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "margay/bundle/golden_images.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/item.h"
#include "margay/data/source/known_images.h"
#include "margay/model/classifier.h"
#include "margay/predict/calibration.h"
#include "margay/predict/training_inputs.h"
#include "margay/predict/unknown_detector.h"

namespace margay::bundle {

/// A classifier with everything needed to use it: its classes and the transforms of its images.
struct Bundle {
  std::shared_ptr<model::Classifier> classifier;
  data::Vocabulary vocabulary;
  data::Task task = data::Task::kSingleLabel;
  data::Transforms transforms;
  /// Its origin: seeds, data, results. The form is free; it is stored unchanged.
  nlohmann::ordered_json provenance = nlohmann::ordered_json::object();
  /// The images it was trained and validated on; empty where that is not known, as in files of earlier versions.
  data::KnownImages known_images = {};
  /// How its logits become probabilities; the default, as in files of earlier versions, changes nothing.
  predict::Calibration calibration = {};
  /// Tells images that are none of the classes; absent, as in files of earlier versions: none is refused.
  std::optional<predict::UnknownDetector> unknown = std::nullopt;
  /// What its inputs were like in training; absent, as in files of earlier versions: not known.
  std::optional<predict::TrainingInputs> training_inputs = std::nullopt;
  /// What it says of images drawn from a seed, as load_bundle read it; save_bundle measures it anew and leaves this
  /// unread. Absent in files of earlier versions.
  std::optional<GoldenImages> golden = std::nullopt;
};

/// Writes NAME.margay: a safetensors file whose metadata holds, under "margay", JSON with format_version,
/// architecture, vocabulary, task, transforms, provenance, calibration (if there is one) and the salt of the known
/// images, whose digests are uint8 tensors [N, bytes of each], "margay.train_names" and so on; and, if there is one, of
/// the detector of unknown images, whose tensors are "margay.unknown.…"; the statistics of its inputs, and the golden
/// images, which cost two images' computation and which earlier programs pass over. Atomic: a failure leaves the
/// previous file. Throws core::IoError, std::invalid_argument without a classifier.
void save_bundle(const std::filesystem::path& path, const Bundle& bundle);

/// Whether a network that was read is asked for its first golden image, which costs that one's computation in fp32.
enum class GoldenCheck {
  kCompare,
  kLater  ///< the caller does it, or computes nothing
};

/// Reads a bundle into a classifier in eval mode, whose logits are bit-equal to those of the saved one.
/// Throws core::DataError for a missing file and core::FormatError for a broken one, one whose golden logits are others
/// now, one of another program, or one of a newer format.
Bundle load_bundle(const std::filesystem::path& path, GoldenCheck check = GoldenCheck::kCompare);

}  // namespace margay::bundle
