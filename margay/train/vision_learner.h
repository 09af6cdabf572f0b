#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/model/head/head.h"
#include "margay/train/learner.h"

namespace margay::train {

struct VisionLearnerOptions {
  std::filesystem::path weights;
  std::string weights_sha256;
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

/// Whether the file of VisionLearnerOptions::weights is read. A learner that a checkpoint is then restored into
/// (restore) does without: the checkpoint holds all weights.
enum class PretrainedWeights { kRead, kFromCheckpoint };

/// A learner for images: `architecture` with a new head for the data's classes, measured by error rate, or for
/// multi-label by accuracy_multi and f1_multi. With pretrained weights the body is frozen, as in fastai's
/// vision_learner. A network with learnt positions is made for the size of the data's images.
/// Seeds LibTorch's default generator, the one its dropout draws from.
/// Throws std::invalid_argument for an unknown architecture, and as model::load_pretrained for weights that are not
/// there or do not fit it.
Learner vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options = {},
                       PretrainedWeights weights = PretrainedWeights::kRead);

}  // namespace margay::train
