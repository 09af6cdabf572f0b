#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/model/head/head.h"
#include "margay/model/weights/pretrained.h"
#include "margay/model/weights/published.h"
#include "margay/train/learner.h"

namespace margay::train {

struct VisionLearnerOptions {
  std::filesystem::path weights;
  std::string weights_sha256;
  std::optional<model::Arithmetic> arithmetic;
  std::uint64_t seed = 42;
  std::vector<std::string> metrics;
  model::HeadOptions head;
  LearnerOptions learner;

  static const core::OptionTable& fields();
};

/// The argument of DataBlock::normalize for the published weights of an architecture: ImageNet's mean and deviation
/// (the default) for most, 0.5 for augreg's vision transformers. Throws std::invalid_argument for an unknown
/// architecture.
data::Normalization published_normalization(const std::string& architecture);

/// What a file of weights, or the one in a folder, expects beyond shapes (model::recognise_form), with the arithmetic
/// that an option gives, if any. Throws as model::load_pretrained for a file that is not there or cannot be read.
model::PublishedForm published_form(const std::string& architecture, const std::filesystem::path& weights,
                                    std::optional<model::Arithmetic> arithmetic = std::nullopt);

/// The same of weights that have been read already.
model::PublishedForm published_form(const std::string& architecture, const model::PretrainedFile& weights,
                                    std::optional<model::Arithmetic> arithmetic = std::nullopt);

/// Whether the file of VisionLearnerOptions::weights is read. A learner that a checkpoint is then restored into
/// (restore) does without: the checkpoint holds all weights.
enum class PretrainedWeights { kRead, kFromCheckpoint };

/// A learner for images: `architecture` with a new head for the data's classes, measured by error rate, or for
/// multi-label by accuracy_multi and f1_multi. With pretrained weights the body is frozen, as in fastai's
/// vision_learner. A network with learnt positions is made for the size of the data's images. Without
/// options.arithmetic the network computes as published_form says of its weights; what may be wrong about them is added
/// to the loaders' warnings, also where the data's normalisation is another than theirs.
/// Seeds LibTorch's default generator, the one its dropout draws from.
/// Throws std::invalid_argument for an unknown architecture, and as model::load_pretrained for weights that are not
/// there or do not fit it.
Learner vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options = {},
                       PretrainedWeights weights = PretrainedWeights::kRead);

/// The same with what has been read already from the file of options.weights; without any, no file is read.
Learner vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options,
                       const std::optional<model::PretrainedFile>& weights);

}  // namespace margay::train
