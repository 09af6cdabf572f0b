#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>

#include "margay/core/options.h"
#include "margay/model/head/head.h"
#include "margay/train/learner.h"

namespace margay::train {

struct VisionLearnerOptions {
  std::filesystem::path weights;
  std::uint64_t seed = 42;
  model::HeadOptions head;
  LearnerOptions learner;

  static constexpr const char* kName = "vision_learner";
  static constexpr auto fields() {
    return std::tuple{core::field("weights", &VisionLearnerOptions::weights,
                                  "pretrained backbone, a safetensors file; none: start from scratch"),
                      core::field("seed", &VisionLearnerOptions::seed,
                                  "of new weights and dropout; in margay train also of order and crops"),
                      core::field("head", &VisionLearnerOptions::head, "the layers after the backbone"),
                      core::field("learner", &VisionLearnerOptions::learner, "optimizer, precision, device")};
  }
};

/// A learner for pictures: `architecture` with a new head for the data's classes, measured by error rate, or for
/// multi-label by accuracy_multi and f1_multi. With pretrained weights the body is frozen, as in fastai's
/// vision_learner.
/// Seeds LibTorch's default generator, the one its dropout draws from.
/// Throws std::invalid_argument for an unknown architecture, core::FormatError for weights that do not fit it.
Learner vision_learner(data::Loaders loaders, const std::string& architecture,
                       const VisionLearnerOptions& options = {});

}  // namespace margay::train
