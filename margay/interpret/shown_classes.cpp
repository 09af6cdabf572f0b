#include "margay/interpret/shown_classes.h"

#include <algorithm>
#include <numeric>

namespace margay::interpret {
namespace {

std::vector<std::size_t> in_order(std::size_t count) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

/// `weight(k)` says how much class k matters; equals stay in their order.
template <class Weight>
std::vector<std::size_t> heaviest_first(std::size_t count, const Weight& weight) {
  std::vector<std::size_t> indices = in_order(count);
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  return indices;
}

}  // namespace

std::vector<std::size_t> shown_classes(const SoftmaxRow& row, Extent extent) {
  if (extent == Extent::kAll || row.classes.size() <= kMostShown) return in_order(row.classes.size());
  auto shown = heaviest_first(row.classes.size(), [&](std::size_t k) { return row.classes[k].probability; });
  shown.resize(kMostShown);
  const bool misses_target = row.target && std::find(shown.begin(), shown.end(), row.target->index) == shown.end();
  if (misses_target) shown.back() = row.target->index;
  return shown;
}

std::vector<std::size_t> shown_classes(const SigmoidRow& row, Extent extent) {
  if (extent == Extent::kAll || row.classes.size() <= kMostShown) return in_order(row.classes.size());
  auto shown = heaviest_first(
      row.classes.size(), [&](std::size_t k) { return row.target ? row.classes[k].loss : row.classes[k].probability; });
  shown.resize(kMostShown);
  return shown;
}

std::vector<std::size_t> hidden_classes(std::size_t count, const std::vector<std::size_t>& shown) {
  std::vector<bool> is_shown(count, false);
  for (const std::size_t k : shown) is_shown[k] = true;
  std::vector<std::size_t> hidden;
  for (std::size_t k = 0; k < count; ++k) {
    if (!is_shown[k]) hidden.push_back(k);
  }
  return hidden;
}

}  // namespace margay::interpret
