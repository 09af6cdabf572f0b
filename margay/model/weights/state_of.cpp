#include "margay/model/weights/state_of.h"

#include "margay/model/random_state.h"

namespace margay::model {

TensorMap state_of(const torch::nn::Module& module) {
  TensorMap state;
  for (const auto& each : module.named_parameters()) state[each.key()] = each.value().detach();
  for (const auto& each : module.named_buffers()) state[each.key()] = each.value();
  return state;
}

std::set<std::string> published_head_names(const Backbone& backbone) {
  const RandomState before(at::kCPU);  // making the head draws random numbers
  std::set<std::string> names;
  for (const auto& each : state_of(*backbone.make_published_head(1))) names.insert(each.first);
  before.restore();
  return names;
}

}  // namespace margay::model
