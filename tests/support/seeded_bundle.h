#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "margay/bundle/bundle.h"
#include "margay/model/architecture/architectures.h"

namespace margay::testing_support {

/// A small network with weights drawn from the seed, for images of 16 pixels.
inline bundle::Bundle seeded_bundle(std::uint64_t seed, data::Task task = data::Task::kSingleLabel,
                                    std::vector<std::string> names = {"flat", "round", "upright"}) {
  torch::manual_seed(seed);
  bundle::Bundle bundle;
  bundle.classifier =
      model::make_classifier({.architecture = "resnet20", .num_classes = static_cast<std::int64_t>(names.size())});
  bundle.vocabulary = data::Vocabulary(std::move(names));
  bundle.task = task;
  bundle.transforms.resize = {.size = 24};
  bundle.transforms.augment = {.size = 16};
  return bundle;
}

/// The same for striped images, which are flat or upright.
inline bundle::Bundle striped_bundle(std::uint64_t seed) {
  return seeded_bundle(seed, data::Task::kSingleLabel, {"flat", "upright"});
}

}  // namespace margay::testing_support
