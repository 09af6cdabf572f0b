#include "margay/train/optim/layer_decay.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace margay::train {
namespace {

/// How many layers with matrices come behind that of each parameter of the backbone, the head not counted.
std::unordered_map<const void*, int> layers_behind(model::Backbone& backbone) {
  std::unordered_map<const void*, int> number;
  int layers = 0;
  for (const model::Segment& segment : backbone.segments()) {
    bool has_matrix = false;
    for (const auto& module : segment.modules) {
      for (const torch::Tensor& each : module->parameters()) {
        number[each.unsafeGetTensorImpl()] = layers;  // of several segments the last: the first may name all modules
        has_matrix = has_matrix || each.dim() > 1;
      }
    }
    layers += has_matrix ? 1 : 0;
  }
  for (auto& each : number) each.second = layers - each.second;
  return number;
}

}  // namespace

void apply_layer_decay(std::vector<model::ParameterGroup>& groups, model::Classifier& classifier, double decay) {
  if (decay == 1) return;
  const auto behind = layers_behind(classifier.backbone());
  for (model::ParameterGroup& group : groups) {
    for (model::NamedParameter& each : group.parameters) {
      const auto found = behind.find(each.tensor.unsafeGetTensorImpl());
      if (found != behind.end()) each.rate = std::pow(decay, found->second);
    }
  }
}

}  // namespace margay::train
