#include "margay/model/weights/pretrained.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/model/architectures.h"
#include "margay/model/weights/safetensors.h"
#include "margay/model/weights/state_match.h"

namespace margay::model {
namespace {

constexpr std::string_view kCounter = ".num_batches_tracked";
constexpr std::size_t kLikeness = 20;  // a file looks like a network if at most one tensor in 20 differs

TensorMap state_of(const Backbone& backbone) {
  TensorMap state;
  for (const auto& each : backbone.named_parameters()) state[each.key()] = each.value().detach();
  for (const auto& each : backbone.named_buffers()) state[each.key()] = each.value();
  return state;
}

void drop_published_classes(TensorMap& published) {
  published.erase("fc.weight");
  published.erase("fc.bias");
}

/// Counters that old files lack matter to no result; they stay as they are.
void add_missing_counters(TensorMap& published, const TensorMap& own) {
  for (const auto& [name, tensor] : own) {
    if (name.ends_with(kCounter)) published.emplace(name, tensor);
  }
}

StateMismatch compare_weights(const Backbone& backbone, TensorMap published) {
  const TensorMap own = state_of(backbone);
  add_missing_counters(published, own);
  return compare_states(own, published);
}

/// "; these look like resnet34's" if they fit some architecture well.
std::string likeness(const TensorMap& published) {
  std::string best;
  std::size_t fewest = published.size() / kLikeness + 1;
  for (const Architecture& each : architectures()) {
    const std::size_t differences = compare_weights(*each.build(), published).count();
    if (differences >= fewest) continue;
    fewest = differences;
    best = each.name;
  }
  return best.empty() ? "" : fmt::format("; these look like {}'s", best);
}

}  // namespace

void load_pretrained(Classifier& classifier, const std::filesystem::path& file) {
  TensorMap published = read_safetensors(file).tensors;
  drop_published_classes(published);
  const TensorMap own = state_of(classifier.backbone());
  const StateMismatch mismatch = compare_weights(classifier.backbone(), published);
  if (!mismatch.empty()) {
    throw core::FormatError(file, fmt::format("does not hold {}'s weights: {}{}", classifier.options().architecture,
                                              mismatch.text(), likeness(published)));
  }
  add_missing_counters(published, own);
  copy_state(published, own);
}

}  // namespace margay::model
