#include "margay/model/weights/recognise.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/model/architecture/architectures.h"
#include "margay/model/random_state.h"
#include "margay/model/weights/naming.h"
#include "margay/model/weights/state_of.h"

namespace margay::model {
namespace {

constexpr double kCertain = 0.95;       // so that no other network need be looked at
constexpr std::size_t kMostTried = 12;  // networks of about the right size

/// Those that agree, of all that either has. Counters, which old files lack, have no say.
double agreement(const TensorMap& found, const TensorMap& expected) {
  std::size_t agree = 0;
  std::size_t all = 0;
  for (const auto& [name, tensor] : expected) {
    if (is_counter(name)) continue;
    const auto same = found.find(name);
    agree += same != found.end() && same->second.numel() == tensor.numel() ? 1 : 0;
    ++all;
  }
  for (const auto& each : found) all += is_counter(each.first) || expected.contains(each.first) ? 0 : 1;
  return all == 0 ? 0 : static_cast<double>(agree) / static_cast<double>(all);
}

TensorMap with_head(const NamedWeights& weights, const std::set<std::string>& published_head) {
  TensorMap tensors = weights.backbone;
  for (const auto& [name, tensor] : weights.head)
    tensors[published_head.contains(name) ? name : "head." + name] = tensor;
  return tensors;
}

double values_of(const TensorMap& tensors) {
  double values = 0;
  for (const auto& each : tensors) values += static_cast<double>(each.second.numel());
  return values;
}

/// Networks that are neither much smaller nor much larger, the likeliest first. A file may lack the published classes,
/// which are half of a small network.
std::vector<const Architecture*> of_such_size(double values) {
  const auto distance = [&](const Architecture* each) {
    return std::abs(static_cast<double>(each->parameters) - values);
  };
  std::vector<const Architecture*> likely;
  for (const Architecture& each : architectures()) {
    const double share = values / static_cast<double>(each.parameters);
    if (share > 0.4 && share < 1.5) likely.push_back(&each);
  }
  std::stable_sort(likely.begin(), likely.end(),
                   [&](const Architecture* a, const Architecture* b) { return distance(a) < distance(b); });
  likely.resize(std::min(likely.size(), kMostTried));
  return likely;
}

}  // namespace

Recognised recognise(const TensorMap& tensors, const Architecture& architecture) {
  const RandomState before(at::kCPU);  // a network that is only looked at changes nothing that is drawn later
  const auto backbone = architecture.build({.image_px = architecture.input_px});
  before.restore();
  const std::set<std::string> head = published_head_names(*backbone);
  const TensorMap own = state_of(*backbone);
  NamedWeights weights = name_as_ours(tensors, {own, head}, architecture);
  backbone->adapt_published(weights.backbone);
  return {&architecture, with_head(weights, head), weights.naming, agreement(weights.backbone, own)};
}

std::optional<Recognised> recognise(const TensorMap& tensors) {
  std::optional<Recognised> best;
  for (const Architecture* each : of_such_size(values_of(tensors))) {
    Recognised found = recognise(tensors, *each);
    if (found.share >= kRecognisedShare && (!best || found.share > best->share)) best = std::move(found);
    if (best && best->share >= kCertain) break;
  }
  return best;
}

}  // namespace margay::model
