#include "margay/model/weights/pretrained.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/safetensors.h"
#include "margay/model/weights/state_match.h"

namespace margay::model {
namespace {

constexpr std::string_view kCounter = ".num_batches_tracked";
constexpr int kLikeness = 20;  // a file looks like a network if at most one tensor in 20 differs

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

/// Spares building a network that cannot be meant.
bool is_of_size(const TensorMap& published, const Architecture& architecture) {
  std::int64_t values = 0;  // the running statistics, which `parameters` leaves out, are few
  for (const auto& each : published) values += each.second.numel();
  return std::abs(values - architecture.parameters) <= architecture.parameters / kLikeness;
}

/// "; these look like resnet34's" if they fit another architecture well.
std::string likeness(const TensorMap& published, const std::string& wanted) {
  for (const Architecture& each : architectures()) {
    if (each.name == wanted || !is_of_size(published, each)) continue;
    const std::size_t differences = compare_weights(*each.build({}), published).count();
    if (differences <= published.size() / kLikeness) return fmt::format("; these look like {}'s", each.name);
  }
  return "";
}

}  // namespace

void load_pretrained(Classifier& classifier, const std::filesystem::path& file) {
  TensorMap published = read_safetensors(file).tensors;
  drop_published_classes(published);
  const TensorMap own = state_of(classifier.backbone());
  const StateMismatch mismatch = compare_weights(classifier.backbone(), published);
  if (!mismatch.empty()) {
    throw core::FormatError(file, fmt::format("does not hold {}'s weights: {}{}", classifier.options().architecture,
                                              mismatch.text(), likeness(published, classifier.options().architecture)));
  }
  add_missing_counters(published, own);
  copy_state(published, own);
}

}  // namespace margay::model
