#include "margay/loss/input_check.h"

#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::loss {
namespace {

std::string shape(const torch::Tensor& tensor) { return fmt::format("[{}]", core::joined(tensor.sizes(), ",")); }
std::string dtype(const torch::Tensor& tensor) { return std::string(tensor.dtype().name()); }

bool is_index_type(torch::ScalarType type) {
  return type == torch::kLong || type == torch::kInt || type == torch::kShort || type == torch::kByte;
}

std::vector<std::int64_t> without_classes(const torch::Tensor& logits) {
  std::vector<std::int64_t> sizes = logits.sizes().vec();
  sizes.erase(sizes.begin() + 1);
  return sizes;
}

bool has_shape_without_classes(const torch::Tensor& targets, const torch::Tensor& logits) {
  if (targets.dim() != logits.dim() - 1) return false;
  return targets.size(0) == logits.size(0) && targets.sizes().slice(1) == logits.sizes().slice(2);
}

/// Position of the first element that is set.
std::optional<std::int64_t> first(const torch::Tensor& is_bad) {
  if (is_bad.numel() == 0 || !is_bad.any().item<bool>()) return std::nullopt;
  return is_bad.flatten().to(torch::kInt).argmax().item<std::int64_t>();
}

template <class Index>
std::optional<std::int64_t> first_outside(const torch::Tensor& targets, std::int64_t classes, std::int64_t ignored) {
  const auto* index = targets.data_ptr<Index>();
  for (std::int64_t i = 0; i < targets.numel(); ++i) {
    const std::int64_t y = index[i];
    if ((y < 0 || y >= classes) && y != ignored) return i;
  }
  return std::nullopt;
}

std::optional<std::int64_t> first_outside(const torch::Tensor& targets, std::int64_t classes, std::int64_t ignored) {
  if (!targets.is_cpu() || !targets.is_contiguous()) {
    const torch::Tensor y = targets.to(torch::kLong);  // as uint8, -100 would be 156
    return first(y.lt(0).logical_or(y.ge(classes)).logical_and(y.ne(ignored)));
  }
  switch (targets.scalar_type()) {
    case torch::kInt:
      return first_outside<std::int32_t>(targets, classes, ignored);
    case torch::kShort:
      return first_outside<std::int16_t>(targets, classes, ignored);
    case torch::kByte:
      return first_outside<std::uint8_t>(targets, classes, ignored);
    default:
      return first_outside<std::int64_t>(targets, classes, ignored);
  }
}

void check_range(const char* function, const torch::Tensor& targets, std::int64_t classes, std::int64_t ignored) {
  const std::optional<std::int64_t> row = first_outside(targets, classes, ignored);
  if (!row) return;
  const auto target = targets.flatten()[*row].item<std::int64_t>();
  throw TargetError(fmt::format("[{}] target {} at position {} is no class index; {} classes allow 0 to {}", function,
                                target, *row, classes, classes - 1),
                    target, *row, classes);
}

}  // namespace

void check_logits(const char* function, const torch::Tensor& logits) {
  const bool good = logits.is_floating_point() && logits.dim() >= 2 && logits.size(1) > 0;
  if (good) return;
  throw std::invalid_argument(fmt::format("[{}] logits must be floating [N,K] or [N,K,d1,…] with K > 0, got {} {}",
                                          function, dtype(logits), shape(logits)));
}

void check_indices(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
                   std::int64_t ignore_index) {
  if (targets.is_floating_point()) {
    throw std::invalid_argument(
        fmt::format("[{}] takes class indices (whole numbers) as targets, not distributions; got {} {}", function,
                    dtype(targets), shape(targets)));
  }
  if (targets.sizes() == logits.sizes()) {
    throw std::invalid_argument(
        fmt::format("[{}] targets have the logits' shape {} and are whole numbers: they look one-hot; pass class "
                    "indices, targets.argmax(1), or distributions as floating point",
                    function, shape(targets)));
  }
  if (!is_index_type(targets.scalar_type())) {
    throw std::invalid_argument(fmt::format("[{}] targets must be class indices (int64, int32, int16 or uint8), got {}",
                                            function, dtype(targets)));
  }
  if (!has_shape_without_classes(targets, logits)) {
    const std::vector<std::int64_t> expected = without_classes(logits);
    throw std::invalid_argument(fmt::format("[{}] targets must be [{}] for logits {}, got {}", function,
                                            core::joined(expected, ","), shape(logits), shape(targets)));
  }
  check_range(function, targets, logits.size(1), ignore_index);
}

void check_distributions(const char* function, const torch::Tensor& logits, const torch::Tensor& targets) {
  if (targets.sizes() != logits.sizes()) {
    throw std::invalid_argument(
        fmt::format("[{}] targets are floating point, so each must be a distribution over the classes and their shape "
                    "the logits' {}, got {} {}; class indices must be whole numbers: targets.to(torch::kLong)",
                    function, shape(logits), dtype(targets), shape(targets)));
  }
  const torch::Tensor q = targets.detach();
  if (q.numel() > 0 && !(q.min().item<double>() >= 0)) {  // NaN is the minimum of what holds it
    const auto bad = first(q.ge(0).logical_not());
    throw std::invalid_argument(fmt::format("[{}] soft targets must be probabilities, got {} at position {}", function,
                                            q.flatten()[*bad].item<double>(), *bad));
  }
  const torch::Tensor sums = q.sum(1, false, q.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat);
  if (const auto bad = first((sums - 1).abs().le(0.01).logical_not())) {
    throw std::invalid_argument(
        fmt::format("[{}] each soft target must sum to 1, but that at position {} sums to {:.6g}; for \"none of "
                    "these\" and several "
                    "labels at once use binary_cross_entropy_with_logits",
                    function, *bad, sums.flatten()[*bad].item<double>()));
  }
}

void check_targets(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
                   const CrossEntropyOptions& options) {
  if (logits.device() != targets.device()) {
    throw std::invalid_argument(fmt::format("[{}] logits are on {}, targets on {}; move one with to()", function,
                                            logits.device().str(), targets.device().str()));
  }
  check_class_weights(function, options.class_weights, logits.size(1));
  if (targets.is_floating_point()) {
    check_distributions(function, logits, targets);
  } else {
    check_indices(function, logits, targets, options.ignore_index);
  }
}

void check_class_weights(const char* function, const std::vector<double>& weights, std::int64_t num_classes) {
  if (weights.empty()) return;
  if (static_cast<std::int64_t>(weights.size()) != num_classes) {
    throw std::invalid_argument(fmt::format("[{}] class_weights must be {} numbers, one per class, got {}", function,
                                            num_classes, weights.size()));
  }
  check_weight_values(function, "class_weights", weights);
}

void check_weight_values(const char* function, const char* field, const std::vector<double>& weights) {
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (std::isfinite(weights[k]) && weights[k] >= 0) continue;
    throw std::invalid_argument(
        fmt::format("[{}] {}[{}] must be finite and not negative, got {}", function, field, k, weights[k]));
  }
}

void check_binary_targets(const char* function, const torch::Tensor& logits, const torch::Tensor& targets) {
  if (!logits.is_floating_point()) {
    throw std::invalid_argument(fmt::format("[{}] logits must be floating, got {}", function, dtype(logits)));
  }
  if (targets.sizes() != logits.sizes()) {
    throw std::invalid_argument(fmt::format(
        "[{}] targets must have the logits' shape {}, a 0 or 1 for each column, got {}; class indices become "
        "columns by torch::one_hot",
        function, shape(logits), shape(targets)));
  }
  const torch::Tensor t = targets.detach();
  if (const auto bad = first(t.ge(0).logical_and(t.le(1)).logical_not())) {
    throw std::invalid_argument(fmt::format("[{}] targets must lie in [0, 1], got {} at position {}", function,
                                            t.flatten()[*bad].item<double>(), *bad));
  }
}

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
