#include "margay/loss/probability_check.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

namespace margay::loss {
namespace {

/// Fewer rows of logits may sum to 1 by chance: two in [0, 1] do so, within 0.001, once in a few hundred times.
constexpr std::int64_t kRowsBeyondChance = 4;

/// Whether a row's entries lie in [0, 1] and sum to 1. row: floating [K].
bool is_distribution(const torch::Tensor& row) {
  const torch::Tensor p = row.to(torch::kDouble).contiguous();
  const double* values = p.data_ptr<double>();
  double sum = 0;
  for (std::int64_t k = 0; k < p.numel(); ++k) {
    if (!(values[k] >= 0 && values[k] <= 1)) return false;
    sum += values[k];
  }
  return std::abs(sum - 1) < 1e-3;
}

template <class T>
bool begins_in_unit_interval(const torch::Tensor& logits) {
  const T value = *logits.data_ptr<T>();
  return value >= T(0) && value <= T(1);
}

/// What excludes nearly all logits at no cost.
bool may_begin_with_probability(const torch::Tensor& logits) {
  switch (logits.scalar_type()) {
    case torch::kDouble:
      return begins_in_unit_interval<double>(logits);
    case torch::kBFloat16:
      return begins_in_unit_interval<c10::BFloat16>(logits);
    case torch::kHalf:
      return begins_in_unit_interval<c10::Half>(logits);
    default:
      return begins_in_unit_interval<float>(logits);
  }
}

}  // namespace

bool look_like_probabilities(const torch::Tensor& logits) {
  if (!logits.is_cpu() || logits.numel() == 0 || logits.size(1) < 2 || !may_begin_with_probability(logits))
    return false;
  const torch::Tensor last = logits.detach().movedim(1, -1);
  if (last.numel() / last.size(-1) < kRowsBeyondChance) return false;
  torch::Tensor first = last;
  while (first.dim() > 1) first = first.select(0, 0);
  if (!is_distribution(first)) return false;
  const torch::Tensor rows = last.flatten(0, -2);
  bool is_onehot = true;  // rows of zeros and a one are made by hand, not by a softmax
  for (std::int64_t n = 0; n < rows.size(0); ++n) {
    if (!is_distribution(rows[n])) return false;
    is_onehot = is_onehot && rows[n].eq(rows[n].round()).all().item<bool>();
  }
  return !is_onehot;
}

void check_not_probabilities(const char* function, const torch::Tensor& logits) {
  if (!look_like_probabilities(logits)) return;
  throw std::invalid_argument(
      fmt::format("[{}] the logits look like probabilities: all lie in [0, 1] and each row sums to 1. Pass the values "
                  "before the softmax, or set logits_check to none",
                  function));
}

}  // namespace margay::loss
