#include "margay/train/probe/probe_rows.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/text.h"
#include "margay/predict/features.h"

namespace margay::train {
namespace {

constexpr std::int64_t kChunk = 65'536;  // rows

[[noreturn]] void refuse_rows(const std::string& problem) { throw std::invalid_argument("[probe] " + problem); }

std::string image_name(const char* set, const std::vector<std::size_t>& ids, std::int64_t row) {
  const auto at = static_cast<std::size_t>(row);
  return fmt::format("image {} of the {} set", at < ids.size() ? ids[at] : at, set);
}

/// The first row with a number that is not finite.
std::optional<std::int64_t> non_finite_row(const torch::Tensor& features) {
  for (std::int64_t row = 0; row < features.size(0); row += kChunk) {
    const torch::Tensor chunk = features.narrow(0, row, std::min(kChunk, features.size(0) - row));
    if (std::isfinite(chunk.sum(torch::kDouble).item<double>())) continue;
    const torch::Tensor broken = torch::isfinite(chunk).all(1).logical_not().nonzero();
    if (broken.size(0) > 0) return row + broken[0].item<std::int64_t>();
  }
  return std::nullopt;
}

void check_finite(const char* set, const predict::Features& features) {
  const auto row = non_finite_row(features.rows);
  if (!row) return;
  const auto at = static_cast<std::size_t>(*row);
  throw NonFiniteFeatures(set, at < features.ids.size() ? features.ids[at] : at);
}

void check_targets(const char* set, const predict::Features& features, std::int64_t num_classes, data::Task task) {
  const torch::Tensor& targets = features.targets;
  if (!targets.defined()) refuse_rows(fmt::format("the {} images have no labels; a probe needs one for each", set));
  const std::int64_t rows = features.rows.size(0);
  const bool is_single = task == data::Task::kSingleLabel;
  const bool fits = is_single ? targets.dim() == 1 && targets.scalar_type() == torch::kLong
                              : targets.dim() == 2 && targets.size(1) == num_classes;
  if (!fits || targets.size(0) != rows) {
    refuse_rows(fmt::format("expected targets {} for {} images of {} classes, got {}",
                            is_single ? "int64 [N]" : "float [N,K]", rows, num_classes,
                            core::joined(targets.sizes(), "x")));
  }
  const torch::Tensor is_no_class =
      is_single ? (targets < 0).logical_or(targets >= num_classes) : (targets != 0).logical_and(targets != 1).any(1);
  const torch::Tensor broken = is_no_class.nonzero();
  if (broken.size(0) == 0) return;
  refuse_rows(fmt::format("the target of {} is none of the {} classes",
                          image_name(set, features.ids, broken[0].item<std::int64_t>()), num_classes));
}

void check_shapes(const char* set, const predict::Features& features, const torch::Tensor& groups) {
  const torch::Tensor& rows = features.rows;
  if (!rows.defined() || rows.dim() != 2 || rows.scalar_type() != torch::kFloat)
    refuse_rows("expected features float [N,D]");
  if (rows.size(0) == 0) refuse_rows(fmt::format("there are no {} images that could be read", set));
  if (!groups.defined()) return;
  if (groups.dim() == 1 && groups.size(0) == rows.size(0) && groups.scalar_type() == torch::kLong) return;
  refuse_rows(fmt::format("expected groups int64 [{}], one for each {} image that could be read", rows.size(0), set));
}

torch::Tensor images_of_each(const torch::Tensor& targets, std::int64_t num_classes, data::Task task) {
  if (task == data::Task::kSingleLabel) return torch::bincount(targets, {}, num_classes);
  return targets.sum(0, /*keepdim=*/false, torch::kDouble).to(torch::kLong);
}

void number_groups(ProbeRows& rows) {
  torch::Tensor numbers;
  torch::Tensor values;
  std::tie(values, numbers, std::ignore) = torch::_unique2(rows.groups, /*sorted=*/true, /*return_inverse=*/true);
  rows.groups = numbers;
  rows.num_groups = values.size(0);
}

/// A stratum of n images weighs the same as every other one that occurs.
torch::Tensor balanced_weights(const ProbeRows& rows) {
  const torch::Tensor strata = rows.strata();
  const torch::Tensor weights = 1 / torch::bincount(strata).to(torch::kDouble).index_select(0, strata);
  return weights / weights.mean();
}

}  // namespace

NonFiniteFeatures::NonFiniteFeatures(const char* set, std::size_t image)
    : std::invalid_argument(fmt::format("[probe] the features of image {} of the {} set {}", image, set, kRemedy)),
      is_for_training_(std::string_view(set) == kTrainingSet),
      image_(image) {}

torch::Tensor ProbeRows::strata() const {
  if (task == data::Task::kSingleLabel) return targets;
  const torch::Tensor counts = images_of_each(targets, num_classes, task).to(torch::kDouble);
  const torch::Tensor rarity = torch::where(targets > 0, counts, torch::full({}, 1e300, torch::kDouble));
  const auto [rarest, label] = rarity.min(1);
  return label.masked_fill(rarest >= 1e300, num_classes);
}

ProbeRows ProbeRows::subset(const torch::Tensor& positions) const {
  ProbeRows part = *this;
  part.features = features.index_select(0, positions);
  part.targets = targets.index_select(0, positions);
  part.groups = groups.index_select(0, positions);
  part.weights = weights.index_select(0, positions);
  part.weights = part.weights / part.weights.mean();
  number_groups(part);
  return part;
}

ProbeRows probe_rows(const char* set, const predict::Features& features, const torch::Tensor& groups,
                     std::int64_t num_classes, data::Task task, data::Balance balance) {
  check_shapes(set, features, groups);
  check_targets(set, features, num_classes, task);
  check_finite(set, features);
  const std::int64_t size = features.rows.size(0);
  ProbeRows rows{.features = features.rows,
                 .targets = task == data::Task::kSingleLabel ? features.targets : features.targets.to(torch::kFloat),
                 .groups = groups.defined() ? groups : torch::arange(size),
                 .weights = torch::ones({size}, torch::kDouble),
                 .num_classes = num_classes,
                 .task = task};
  number_groups(rows);
  if (balance != data::Balance::kNone) rows.weights = balanced_weights(rows);
  return rows;
}

std::string why_not_fitted(const ProbeRows& rows) {
  const torch::Tensor counts = images_of_each(rows.targets, rows.num_classes, rows.task);
  const bool is_single = rows.task == data::Task::kSingleLabel;
  if (is_single && (counts > 0).sum().item<std::int64_t>() < 2) {
    return "all training images are of one class; there is nothing to tell apart";
  }
  if (!is_single && !(counts > 0).logical_and(counts < rows.size()).any().item<bool>()) {
    return "every label is on all training images or on none; there is nothing to tell apart";
  }
  if (rows.num_groups >= 2) return "";
  return fmt::format(
      "all {} training images are in one group, so none can be judged by a fit without it; give other groups, or none",
      rows.size());
}

double mean_norm(const torch::Tensor& features) {
  double sum = 0;
  for (std::int64_t row = 0; row < features.size(0); row += kChunk) {
    const torch::Tensor chunk = features.narrow(0, row, std::min(kChunk, features.size(0) - row));
    sum += chunk.norm(2, 1).sum(torch::kDouble).item<double>();
  }
  if (sum > 0 && std::isfinite(sum)) return sum / static_cast<double>(features.size(0));
  refuse_rows("all features are 0; look at the network's weights");
}

torch::Tensor image_errors(const torch::Tensor& logits, const torch::Tensor& targets, data::Task task) {
  if (task == data::Task::kSingleLabel) return (logits.argmax(1) != targets).to(torch::kDouble);
  return ((logits > 0) != (targets > 0)).to(torch::kDouble).mean(1);
}

}  // namespace margay::train
