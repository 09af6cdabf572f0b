#include "margay/train/probe/probe.h"

#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/train/probe/probe_rows.h"

namespace margay::train {
namespace {

/// The one linear layer of a linear head.
torch::nn::LinearImpl& linear_layer(model::Classifier& classifier, std::int64_t num_classes) {
  if (classifier.options().head.kind != model::HeadKind::kLinear) {
    throw std::invalid_argument("[probe] the classifier's head is not a linear one; make it with head kind linear");
  }
  if (classifier.num_classes() != num_classes) {
    throw std::invalid_argument(
        fmt::format("[probe] the classifier has {} classes, the data {}", classifier.num_classes(), num_classes));
  }
  for (const auto& module : classifier.head()->modules(/*include_self=*/false)) {
    if (auto* const linear = module->as<torch::nn::LinearImpl>()) return *linear;
  }
  throw core::InternalError("[probe] a linear head without a linear layer");
}

bool seeks_near_copies(const data::Dataset& dataset, predict::Grouping grouping) {
  using enum predict::Grouping;
  return grouping == kNearCopies || (grouping == kAuto && !dataset.group(0));
}

predict::Features features_of_set(const data::Loader& loader, model::Classifier& classifier,
                                  const ProbeOptions& options, const predict::ImageCounter& count) {
  predict::FeatureOptions wanted = options.features;
  if (seeks_near_copies(loader.dataset(), options.grouping)) wanted.with_changed_views = true;
  return predict::collect_features(classifier, loader, wanted, count);
}

}  // namespace

ProbeResult fit_probe(const Probe& images, const data::Loaders& loaders, const ProbeOptions& options) {
  const ProbeGroups groups{images.train_groups.of_image,
                           images.valid_groups ? images.valid_groups->of_image : torch::Tensor()};
  try {
    return fit_probe(images.train, images.valid ? &*images.valid : nullptr, groups, loaders.vocabulary.size(),
                     loaders.task(), options);
  } catch (const NonFiniteFeatures& broken) {
    const data::Loader& loader = broken.is_for_training() ? loaders.train : *loaders.valid;
    throw core::DataError(loader.dataset().path(broken.image()),
                          std::string("its features ") + NonFiniteFeatures::kRemedy);
  }
}

Probe probe(const data::Loaders& loaders, model::Classifier& classifier, const ProbeOptions& options,
            const predict::ImageCounter& count) {
  core::validate(options);
  torch::nn::LinearImpl& linear = linear_layer(classifier, loaders.vocabulary.size());
  Probe probe;
  probe.train = features_of_set(loaders.train, classifier, options, count);
  probe.train_groups = predict::group_images(probe.train, loaders.train.dataset(), options.grouping);
  if (loaders.valid) {
    probe.valid = features_of_set(*loaders.valid, classifier, options, count);
    probe.valid_groups = predict::group_images(*probe.valid, loaders.valid->dataset(), options.grouping);
  }
  probe.result = fit_probe(probe, loaders, options);
  const torch::NoGradGuard no_grad;
  linear.weight.copy_(probe.result.weight);
  linear.bias.copy_(probe.result.bias);
  return probe;
}

}  // namespace margay::train
