#include "margay/train/vision_learner.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/metric/accuracy.h"
#include "margay/model/weights/pretrained.h"

namespace margay::train {

Learner vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options) {
  core::validate(options);
  torch::manual_seed(options.seed);
  const std::int64_t classes = loaders.vocabulary.size();
  auto classifier =
      model::make_classifier({.architecture = architecture, .num_classes = classes, .head = options.head});
  if (!options.weights.empty()) model::load_pretrained(*classifier, options.weights);
  Learner learner(std::move(loaders), std::move(classifier), options.learner);
  learner.set_metrics({std::make_shared<metric::ErrorRate>()});
  if (!options.weights.empty()) learner.freeze();
  return learner;
}

}  // namespace margay::train
